import { type Me, routes } from '@loom/api-contract';
import {
  clearedSessionCookie,
  isPublicAddress,
  type Person,
  RequirePermission,
  sessionCookie,
  SessionToken,
  SignedIn,
} from '@loom/service-kit';
import {
  Body,
  Controller,
  Get,
  Header,
  Headers,
  HttpCode,
  Inject,
  Ip,
  Param,
  Post,
  Res,
} from '@nestjs/common';
import type { IncomingHttpHeaders } from 'node:http';
import type { z } from 'zod';
import { type BegunSession, SessionDesk } from './session-desk.ts';

type Value<Schema extends z.ZodType> = z.output<Schema>;
const { signIn, changePassword, acceptInvitation } = routes;
/** Longer than any session: when it is over is for the store to say. */
const cookieSeconds = 30 * 86_400;

/** What of a Fastify reply is used here. */
interface Reply {
  header(name: string, value: string): unknown;
}

@Controller('v1')
export class SessionsController {
  readonly #desk: SessionDesk;

  constructor(@Inject(SessionDesk) desk: SessionDesk) {
    this.#desk = desk;
  }

  @Post('sign-in')
  @RequirePermission(signIn)
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  async signIn(
    @Body({ schema: signIn.body }) body: Value<typeof signIn.body>,
    @Headers() headers: IncomingHttpHeaders,
    @Ip() ip: string,
    @SessionToken() token: string | null,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<Me> {
    return giveCookie(reply, headers, await this.#desk.signIn(body, addressOf(headers, ip), token));
  }

  @Post('sign-out')
  @RequirePermission(routes.signOut)
  @HttpCode(200)
  async signOut(
    @Headers() headers: IncomingHttpHeaders,
    @SessionToken() token: string | null,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<{ ok: true }> {
    await this.#desk.signOut(token);
    reply.header('set-cookie', clearedSessionCookie(headers));
    return { ok: true };
  }

  @Get('me')
  @RequirePermission(routes.getMe)
  @Header('cache-control', 'no-store')
  me(@SignedIn() person: Person): Promise<Me> {
    return this.#desk.me(person);
  }

  @Post('me/password')
  @RequirePermission(changePassword)
  @HttpCode(200)
  async changePassword(
    @SignedIn() person: Person,
    @Body({ schema: changePassword.body }) body: Value<typeof changePassword.body>,
    @Headers() headers: IncomingHttpHeaders,
    @Ip() ip: string,
  ): Promise<{ ok: true }> {
    await this.#desk.changePassword(person, body, addressOf(headers, ip));
    return { ok: true };
  }

  @Post('invitation-offers/:token/accept')
  @RequirePermission(acceptInvitation)
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  async accept(
    @Param({ schema: acceptInvitation.params }) { token }: Value<typeof acceptInvitation.params>,
    @Body({ schema: acceptInvitation.body }) body: Value<typeof acceptInvitation.body>,
    @Headers() headers: IncomingHttpHeaders,
    @SessionToken() session: string | null,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<Me> {
    return giveCookie(reply, headers, await this.#desk.accept(token, body, session));
  }
}

function giveCookie(reply: Reply, headers: IncomingHttpHeaders, { token, me }: BegunSession): Me {
  reply.header('set-cookie', sessionCookie(headers, token, cookieSeconds));
  return me;
}

/** The browser's address as the console before this service says it. */
/** Whoever asks; a proxy's word for it is taken from the own network only, where the console is. */
export function addressOf(headers: IncomingHttpHeaders, ip: string): string {
  if (isPublicAddress(ip)) return ip;
  const forwarded = headers['x-forwarded-for'];
  const last = (Array.isArray(forwarded) ? forwarded.join(',') : forwarded)?.split(',').at(-1)?.trim();
  return (last || ip).slice(0, 64);
}
