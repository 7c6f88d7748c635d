import type { InvitationAcceptance, Me, PasswordChange, SignIn } from '@loom/api-contract';
import type { ControlStore, NewPerson } from '@loom/control-store';
import { isLoomError, LoomError } from '@loom/errors';
import type { Person } from '@loom/service-kit';
import type { z } from 'zod';
import { PasswordChecks } from './password-checks.ts';
import type { SignInLimiter } from './sign-in-limiter.ts';
import { refuseWeakPassword } from './weak-passwords.ts';

/** Where a request comes from. */
export interface Origin {
  readonly address: string;
  /** Of a device that the account was signed in on, else null. */
  readonly deviceId: string | null;
}

export interface SessionDeskDeps {
  readonly store: ControlStore;
  readonly limiter: SignInLimiter;
  /** Told when someone has changed their password, by email. */
  readonly onPasswordChanged: (email: string) => Promise<void>;
}

/** A session that has begun: the cookie's token, and what the person sees first. */
export interface BegunSession {
  readonly token: string;
  readonly me: Me;
}

/** Where people come and go. */
export class SessionDesk {
  readonly #deps: SessionDeskDeps;
  readonly #checks = new PasswordChecks();

  constructor(deps: SessionDeskDeps) {
    this.#deps = deps;
  }

  /** A new session at each sign-in; the one that the browser had is over. */
  async signIn(
    { email, password }: z.output<typeof SignIn>,
    from: Origin,
    token: string | null,
  ): Promise<BegunSession> {
    const giveBack = await this.#deps.limiter.take({ email, ...from });
    const begun = await this.#inTurn(() => this.#begin(email, password), giveBack);
    if (!begun) throw new LoomError('unauthenticated', 'email or password is wrong');
    await giveBack();
    if (token !== null) await this.signOut(token);
    return begun;
  }

  async signOut(token: string | null): Promise<void> {
    if (token !== null) await this.#deps.store.identity.signOut(token);
  }

  async me({ userId, name, email, isOperator, expiresAtMs }: Person): Promise<Me> {
    const organizations = await this.#deps.store.identity.listMemberships(userId);
    return {
      user: { id: userId, name, email, isOperator },
      organizations: organizations.map((one) => ({ ...one, projects: [...one.projects] })),
      expiresAt: new Date(expiresAtMs).toISOString(),
    };
  }

  async changePassword(
    { userId, name, email, sessionId }: Person,
    change: z.output<typeof PasswordChange>,
    address: string,
  ): Promise<void> {
    if (change.newPassword === change.currentPassword)
      throw new LoomError('invalid_request', 'the new password is the current one', { param: 'newPassword' });
    const chosen = { param: 'newPassword', words: [email, name] };
    await this.#checks.inTurn(() => {
      refuseWeakPassword(change.newPassword, chosen);
    });
    // Whoever holds a session is no stranger: tries of others do not count.
    const giveBack = await this.#deps.limiter.take({ email, address, deviceId: `person ${userId}` });
    const { identity } = this.#deps.store.actingAs({ type: 'user', id: userId, name });
    await this.#inTurn(() => identity.changePassword({ userId, sessionId, ...change }), giveBack);
    await giveBack();
    await this.#deps.onPasswordChanged(email);
  }

  /** As the one who is signed in, or as a newcomer, who is signed in by it. */
  async accept(
    invitation: string,
    body: z.output<typeof InvitationAcceptance>,
    token: string | null,
  ): Promise<BegunSession> {
    const { identity } = this.#deps.store;
    const newcomer = newPersonOf(body);
    if (newcomer) {
      const begun = await this.#checks.inTurn(async () => {
        refuseWeakPassword(newcomer.password, { param: 'password', words: [newcomer.email, newcomer.name] });
        await identity.acceptInvitation(invitation, newcomer);
        return this.#begin(newcomer.email, newcomer.password);
      });
      if (begun) return begun;
      throw new LoomError('unauthenticated', 'joined; sign in');
    }
    const session = token === null ? null : await identity.readSession(token, null);
    if (token === null || !session)
      throw new LoomError('unauthenticated', 'sign in, or give name, email and password');
    await identity.acceptInvitation(invitation, { userId: session.person.userId });
    return { token, me: await this.me(session.person) };
  }

  /** A try that found no turn was none. */
  async #inTurn<Result>(check: () => Promise<Result>, giveBack: () => Promise<void>): Promise<Result> {
    try {
      return await this.#checks.inTurn(check);
    } catch (error) {
      if (isLoomError(error) && error.code === 'overloaded') await giveBack();
      throw error;
    }
  }

  async #begin(email: string, password: string): Promise<BegunSession | null> {
    const { identity } = this.#deps.store;
    const token = await identity.signIn(email, password);
    const session = token === null ? null : await identity.readSession(token, null);
    return token !== null && session ? { token, me: await this.me(session.person) } : null;
  }
}

function newPersonOf({ name, email, password }: z.output<typeof InvitationAcceptance>): NewPerson | null {
  if (name === undefined && email === undefined && password === undefined) return null;
  if (name !== undefined && email !== undefined && password !== undefined) return { name, email, password };
  const missing = name === undefined ? 'name' : email === undefined ? 'email' : 'password';
  throw new LoomError('invalid_request', `${missing} is missing; a newcomer gives name, email and password`, {
    param: missing,
  });
}
