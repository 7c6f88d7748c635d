import { type Me, routes } from '@loom/api-contract';
import {
  clearedSessionCookie,
  clientAddress,
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
import type { BlockList } from 'node:net';
import type { z } from 'zod';
import { KnownDevices } from './known-devices.ts';
import { type BegunSession, SessionDesk } from './session-desk.ts';

type Value<Schema extends z.ZodType> = z.output<Schema>;
const { signIn, changePassword, acceptInvitation } = routes;
/** Longer than any session: when it is over is for the store to say. */
const cookieSeconds = 30 * 86_400;

/** What of a Fastify reply is used here. */
interface Reply {
  header(name: string, value: string | string[]): unknown;
}

/** Networks of the proxies before the console (`LOOM_TRUSTED_PROXIES`): a `BlockList`. */
export const TRUSTED_PROXIES = Symbol('TRUSTED_PROXIES');

@Controller('v1')
export class SessionsController {
  readonly #desk: SessionDesk;
  readonly #devices: KnownDevices;
  readonly #trusted: BlockList;

  constructor(
    @Inject(SessionDesk) desk: SessionDesk,
    @Inject(KnownDevices) devices: KnownDevices,
    @Inject(TRUSTED_PROXIES) trusted: BlockList,
  ) {
    this.#desk = desk;
    this.#devices = devices;
    this.#trusted = trusted;
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
    const address = clientAddress(headers, ip, this.#trusted);
    const deviceId = this.#devices.read(headers, body.email);
    const begun = await this.#desk.signIn(body, { address, deviceId }, token);
    return this.#giveCookies(reply, headers, begun);
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
    await this.#desk.changePassword(person, body, clientAddress(headers, ip, this.#trusted));
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
    return this.#giveCookies(reply, headers, await this.#desk.accept(token, body, session));
  }

  #giveCookies(reply: Reply, headers: IncomingHttpHeaders, { token, me }: BegunSession): Me {
    const device = this.#devices.cookie(headers, me.user.email);
    reply.header('set-cookie', [sessionCookie(headers, token, cookieSeconds), device]);
    return me;
  }
}
