import { randomBytes } from 'node:crypto';
import type {
  AuditList,
  CreatedInvitation,
  Invitation,
  InvitationOffer,
  Member,
  NewInvitation,
  Organization,
  Role,
  routes,
} from '@loom/api-contract';
import type { ControlStore, InvitationRecord, MemberRecord } from '@loom/control-store';
import { LoomError } from '@loom/errors';
import { type Person, type Principal, reachesOrganization } from '@loom/service-kit';
import { newUuid } from '@loom/trace-schema';
import type { z } from 'zod';
import { firstOrganizationId } from './bootstrap-control.ts';

export interface OrganizationRegistryDeps {
  readonly store: ControlStore;
  readonly now?: () => number;
}

const invitationMs = 7 * 86_400_000;
const tokenBytes = 32;

/** Organizations, who belongs to them, and what was changed in them. */
export class OrganizationRegistry {
  readonly #store: ControlStore;
  readonly #now: () => number;

  constructor({ store, now }: OrganizationRegistryDeps) {
    this.#store = store;
    this.#now = now ?? Date.now;
  }

  async create({ userId, name: actorName }: Person, name: string): Promise<z.infer<typeof Organization>> {
    const id = newUuid();
    const project = { id: newUuid(), organizationId: id, name: 'default' };
    const acting = this.#store.actingAs({ type: 'user', id: userId, name: actorName });
    await acting.createOrganization(
      { id, name },
      { ownerId: userId, project: { ...project, capture: 'strict', content: 'searchable' } },
    );
    return { id, name };
  }

  async rename({ organizationId, actor }: Principal, name: string): Promise<z.infer<typeof Organization>> {
    await this.#store.actingAs(actor).renameOrganization({ id: organizationId, name });
    return { id: organizationId, name };
  }

  async listMembers({ organizationId }: Principal): Promise<{ members: Member[] }> {
    return { members: (await this.#store.identity.listMembers({ organizationId })).map(toMember) };
  }

  async updateMember({ organizationId, actor }: Principal, userId: string, role: Role): Promise<Member> {
    return toMember(
      await this.#store.actingAs(actor).identity.updateMember({ organizationId, userId }, role),
    );
  }

  async removeMember(
    { organizationId, actor }: Principal,
    userId: string,
    { keys }: z.output<typeof routes.removeMember.query>,
  ): Promise<{ ok: true }> {
    const settled = keys === 'hand_over' ? { newOwnerId: actor.id } : { revokedAtMs: this.#now() };
    await this.#store.actingAs(actor).identity.removeMember({ organizationId, userId }, settled);
    return { ok: true };
  }

  async listInvitations({ organizationId }: Principal): Promise<{ invitations: Invitation[] }> {
    const records = await this.#store.identity.listInvitations({ organizationId });
    return { invitations: records.map(toInvitation) };
  }

  /** The token is in this answer; the store keeps its hash. */
  async createInvitation(
    { organizationId, actor }: Principal,
    { role, email }: z.output<typeof NewInvitation>,
  ): Promise<z.output<typeof CreatedInvitation>> {
    const token = randomBytes(tokenBytes).toString('base64url');
    const expiresAtMs = this.#now() + invitationMs;
    const given = { id: newUuid(), organizationId, role, email, token, expiresAtMs };
    const record = await this.#store.actingAs(actor).identity.createInvitation(given);
    return { invitation: toInvitation(record), token };
  }

  async deleteInvitation({ organizationId, actor }: Principal, id: string): Promise<{ ok: true }> {
    await this.#store.actingAs(actor).identity.deleteInvitation({ organizationId, id });
    return { ok: true };
  }

  async offerOf(token: string): Promise<z.output<typeof InvitationOffer>> {
    const found = await this.#store.identity.findInvitation(token);
    if (!found)
      throw new LoomError(
        'not_found',
        'this invitation is not open: it was used, taken back, or has expired',
      );
    const { organizationName, role, email, expiresAtMs } = found;
    return { organizationName, role, email, expiresAt: timeOf(expiresAtMs) };
  }

  /** The whole organization's; of its own project for a key that is held to it. */
  async listAudit(
    caller: Principal,
    { from, to, cursor, action, actor, limit }: z.output<typeof routes.listAudit.query>,
  ): Promise<z.output<typeof AuditList>> {
    const { organizationId, isOperator } = caller;
    const range = { fromMs: millisecondsOf(from), toMs: millisecondsOf(to) };
    const withDeployment = isOperator && organizationId === firstOrganizationId;
    const projectId = reachesOrganization(caller) ? undefined : caller.projectId;
    const query = { organizationId, projectId, withDeployment, ...range, cursor, action, actorId: actor, limit }; // prettier-ignore
    const { entries, nextCursor } = await this.#store.listAudit(query);
    return {
      entries: entries.map(({ timeMs, before, after, ...entry }) => ({
        ...entry,
        time: timeOf(timeMs),
        before: before && { ...before },
        after: after && { ...after },
      })),
      nextCursor,
    };
  }
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}

function millisecondsOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  return /^\d+$/.test(text) ? Number(text) : Date.parse(text);
}

function toMember({ userId, name, email, role, joinedAtMs }: MemberRecord): Member {
  return { userId, name, email, role, joinedAt: timeOf(joinedAtMs) };
}

function toInvitation(record: InvitationRecord): Invitation {
  const { id, role, email, invitedBy, createdAtMs, expiresAtMs, acceptedAtMs } = record;
  return {
    ...{ id, role, email, invitedBy },
    createdAt: timeOf(createdAtMs),
    expiresAt: timeOf(expiresAtMs),
    acceptedAt: acceptedAtMs === null ? null : timeOf(acceptedAtMs),
  };
}
