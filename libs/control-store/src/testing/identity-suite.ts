import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ProjectRecord } from '@loom/trace-schema';
import type { ControlStore } from '../control-store.ts';
import type { MemberRole } from '../identity-store.ts';
import { openControlStore } from '../open.ts';
import type { SuiteDatabase } from './control-store-suite.ts';

const password = 'correct horse battery';
const dayMs = 86_400_000;
const options = { sessionSecret: 'a secret of the tests, long enough for it' };

/** People, sessions, members, invitations and the audit log, on every driver. */
export function identitySuite(name: string, start: () => Promise<SuiteDatabase>): void {
  describe(`identity on ${name}`, () => {
    let database: SuiteDatabase;
    let store: ControlStore;
    let other: ControlStore;
    let skewMs = 0;
    beforeAll(async () => {
      database = await start();
      const { url, schema = 'migrate' } = database;
      store = await openControlStore(url, { ...options, schema, now: () => Date.now() + skewMs });
      other = await openControlStore(url, { ...options, schema });
    });
    afterAll(async () => {
      await store.close();
      await other.close();
      await database.stop();
    });

    async function newOrganization() {
      const organizationId = randomUUID();
      await store.createOrganization({ id: organizationId, name: `org ${organizationId}` });
      const project: ProjectRecord = {
        ...{ id: randomUUID(), organizationId, name: 'main' },
        ...{ capture: 'strict', content: 'searchable' },
      };
      await store.createProject(project);
      return { organizationId, projectId: project.id };
    }
    async function invite(organizationId: string, role: MemberRole, email: string | null = null) {
      const token = randomUUID();
      const expiresAtMs = Date.now() + 7 * dayMs;
      const given = { id: randomUUID(), organizationId, role, email, token, expiresAtMs };
      return { token, invitation: await store.identity.createInvitation(given) };
    }
    async function newPerson(organizationId: string, role: MemberRole) {
      const email = `${randomUUID()}@Example.com`;
      const { token } = await invite(organizationId, role);
      const { userId } = await store.identity.acceptInvitation(token, { name: 'Ann', email, password });
      return { userId, email };
    }
    const audit = async (organizationId: string, more = {}) =>
      (await store.listAudit({ organizationId, limit: 100, ...more })).entries;

    it('makes the first person once', async () => {
      const { organizationId } = await newOrganization();
      const first = { name: 'Ada', email: `${randomUUID()}@example.com`, password };
      const made = await Promise.all(
        [store, other].map((one) => one.identity.createFirstPerson(first, { organizationId })),
      );
      expect(made.filter(Boolean).length).toBeLessThanOrEqual(1);
      expect(await store.identity.createFirstPerson(first, { organizationId })).toBe(false);
    });

    it('signs in with the password alone, in any case of the address', async () => {
      const { organizationId, projectId } = await newOrganization();
      const { userId, email } = await newPerson(organizationId, 'viewer');
      expect(await store.identity.signIn(email, 'wrong password')).toBeNull();
      expect(await store.identity.signIn('nobody@example.com', password)).toBeNull();
      const token = await store.identity.signIn(email.toUpperCase(), password);
      const session = await other.identity.readSession(token!, projectId);
      expect(session).toMatchObject({
        person: { userId, name: 'Ann', email: email.toLowerCase(), isOperator: false },
        project: { organizationId, projectId, projectIds: [projectId], role: 'viewer' },
      });
      expect(await store.identity.signIn(email, password)).not.toBe(token);
    });

    it('shows no project of another organization', async () => {
      const [own, foreign] = [await newOrganization(), await newOrganization()];
      const { email } = await newPerson(own.organizationId, 'owner');
      const token = await store.identity.signIn(email, password);
      const place = async (id: string | null) => (await store.identity.readSession(token!, id))?.project;
      expect(await place(foreign.projectId)).toBeNull();
      expect(await place('no such project')).toBeNull();
      expect(await place(null)).toBeNull();
      expect(await place(own.projectId)).toMatchObject({ organizationId: own.organizationId });
    });

    it('takes no token that it has not signed', async () => {
      const { organizationId } = await newOrganization();
      const { email } = await newPerson(organizationId, 'owner');
      const token = (await store.identity.signIn(email, password))!;
      const [inner = ''] = token.split('.');
      for (const forged of [inner, `${inner}.`, `${inner}.x`, `${token}x`, `x${token}`, '', '.']) {
        expect(await store.identity.readSession(forged, null)).toBeNull();
      }
    });

    it('ends a session 7 days after its last use, and 30 days after the sign-in', async () => {
      const { organizationId } = await newOrganization();
      const { email } = await newPerson(organizationId, 'owner');
      const token = (await store.identity.signIn(email, password))!;
      const isOpen = async (afterDays: number) => {
        skewMs = afterDays * dayMs;
        const open = (await store.identity.readSession(token, null)) !== null;
        skewMs = 0;
        return open;
      };
      expect(await isOpen(7.1)).toBe(false);
      for (const day of [6, 12, 18, 24, 29.9]) expect([day, await isOpen(day)]).toEqual([day, true]);
      expect(await isOpen(30.1)).toBe(false);
    });

    it('ends a session at sign-out, and the others with a new password', async () => {
      const { organizationId } = await newOrganization();
      const { userId, email } = await newPerson(organizationId, 'owner');
      const [first, second, third] = await Promise.all(
        [1, 2, 3].map(async () => (await store.identity.signIn(email, password))!),
      );
      await store.identity.signOut(first!);
      expect(await other.identity.readSession(first!, null)).toBeNull();
      const { sessionId } = (await store.identity.readSession(second!, null))!.person;
      const change = { userId, sessionId, currentPassword: 'not it at all', newPassword: 'another password' };
      await expect(store.identity.changePassword(change)).rejects.toMatchObject({
        code: 'permission_denied',
      });
      await store.identity.changePassword({ ...change, currentPassword: password });
      expect(await store.identity.readSession(third!, null)).toBeNull();
      expect(await store.identity.readSession(second!, null)).not.toBeNull();
      expect(await store.identity.signIn(email, password)).toBeNull();
      expect(await store.identity.checkPassword(email, 'another password')).toBe(true);
    });

    it('counts a role and a removal at the next look', async () => {
      const { organizationId, projectId } = await newOrganization();
      await newPerson(organizationId, 'owner');
      const { userId, email } = await newPerson(organizationId, 'owner');
      const token = (await store.identity.signIn(email, password))!;
      const role = async () => (await other.identity.readSession(token, projectId))?.project?.role;
      expect((await store.identity.updateMember({ organizationId, userId }, 'viewer')).role).toBe('viewer');
      expect(await role()).toBe('viewer');
      await store.identity.removeMember({ organizationId, userId }, { revokedAtMs: 1 });
      expect(await role()).toBeUndefined();
      expect(await store.identity.listMemberships(userId)).toEqual([]);
    });

    it('ends the keys of a person who is removed, or hands them over, in this organization alone', async () => {
      const here = await newOrganization();
      const elsewhere = await newOrganization();
      const owner = await newPerson(here.organizationId, 'owner');
      const leaver = await newPerson(here.organizationId, 'owner');
      const keep = (id: string, place: typeof here, ownerId: string | null) =>
        store.createApiKey({
          ...{
            id,
            organizationId: place.organizationId,
            projectId: place.projectId,
            name: id,
            scopes: ['call'],
          },
          ...{
            secretHash: 'f'.repeat(64),
            pepperVersion: 1,
            expiresAtMs: null,
            revokedAtMs: null,
            createdAtMs: 1,
          },
          ...{ createdBy: { type: 'user', id: ownerId ?? '', name: 'maker' }, ownerId },
        });
      const mark = leaver.userId;
      await keep(`${mark}-own`, here, leaver.userId);
      await keep(`${mark}-other`, here, owner.userId);
      await keep(`${mark}-none`, here, null);
      await keep(`${mark}-elsewhere`, elsewhere, leaver.userId);
      const key = { organizationId: here.organizationId, userId: leaver.userId };
      const { identity } = store.actingAs({ type: 'user', id: owner.userId, name: 'owner' });
      for (const newOwnerId of [leaver.userId, 'nobody'])
        await expect(identity.removeMember(key, { newOwnerId })).rejects.toMatchObject({
          code: 'invalid_request',
        });
      const stateOf = async (place: typeof here) =>
        (await store.listApiKeys(place)).map(({ id, ownerId, revokedAtMs }) => [id, ownerId, revokedAtMs]);
      await identity.removeMember(key, { newOwnerId: owner.userId });
      expect(await stateOf(here)).toEqual([
        [`${mark}-own`, owner.userId, null],
        [`${mark}-other`, owner.userId, null],
        [`${mark}-none`, null, null],
      ]);
      const next = await newPerson(here.organizationId, 'owner');
      const last = { organizationId: here.organizationId, userId: owner.userId };
      await store
        .actingAs({ type: 'user', id: next.userId, name: 'next' })
        .identity.removeMember(last, { revokedAtMs: 7 });
      expect(await stateOf(here)).toEqual([
        [`${mark}-own`, owner.userId, 7],
        [`${mark}-other`, owner.userId, 7],
        [`${mark}-none`, null, null],
      ]);
      expect(await stateOf(elsewhere)).toEqual([[`${mark}-elsewhere`, leaver.userId, null]]);
      const { entries } = await store.listAudit({
        organizationId: here.organizationId,
        action: 'key.revoke',
        limit: 9,
      });
      expect(entries.map(({ actor, resource }) => [actor.name, resource.id]).sort()).toEqual([
        ['next', `${mark}-other`],
        ['next', `${mark}-own`],
      ]);
    });

    it('keeps one owner, whoever asks at the same moment', async () => {
      const { organizationId } = await newOrganization();
      const owners = [];
      for (let n = 0; n < 4; n++) owners.push(await newPerson(organizationId, 'owner'));
      const attempts = owners.map(({ userId }, n) => {
        const { identity } = n % 2 ? store : other;
        const key = { organizationId, userId };
        return n < 2 ? identity.updateMember(key, 'member') : identity.removeMember(key, { revokedAtMs: 1 });
      });
      const results = await Promise.allSettled(attempts);
      const refused = results.filter((result) => result.status === 'rejected');
      expect(refused).toMatchObject([{ reason: { code: 'conflict' } }]);
      const left = await store.identity.listMembers({ organizationId });
      expect(left.filter(({ role }) => role === 'owner')).toHaveLength(1);
    });

    it('lets one of 50 join by a link, with nothing left of the others', async () => {
      const { organizationId } = await newOrganization();
      const { token } = await invite(organizationId, 'member');
      const emails = Array.from({ length: 50 }, () => `${randomUUID()}@example.com`);
      const results = await Promise.allSettled(
        emails.map((email, n) =>
          (n % 2 ? store : other).identity.acceptInvitation(token, { name: 'Bo', email, password }),
        ),
      );
      const failed = results.filter((result) => result.status === 'rejected');
      expect(failed).toHaveLength(49);
      for (const { reason } of failed) expect(reason).toMatchObject({ code: 'not_found' });
      const members = await store.identity.listMembers({ organizationId });
      expect(members).toHaveLength(1);
      const loser = emails.find((email) => email !== members[0]?.email);
      expect(await store.identity.signIn(loser!, password)).toBeNull();
      expect(await store.identity.findInvitation(token)).toBeNull();
    });

    it('gives an invitation only to whom it is for', async () => {
      const { organizationId } = await newOrganization();
      const person = { name: 'Cy', email: `${randomUUID()}@example.com`, password };
      const { token, invitation } = await invite(organizationId, 'member', person.email.toUpperCase());
      const stranger = { ...person, email: 'x@example.com' };
      await expect(store.identity.acceptInvitation(token, stranger)).rejects.toMatchObject({
        code: 'permission_denied',
      });
      const { userId } = await store.identity.acceptInvitation(token, person);
      const second = await invite(organizationId, 'owner');
      await expect(store.identity.acceptInvitation(second.token, person)).rejects.toMatchObject({ code: 'conflict' }); // prettier-ignore
      await expect(store.identity.acceptInvitation(second.token, { userId })).rejects.toMatchObject({ code: 'conflict' }); // prettier-ignore
      expect(await store.identity.findInvitation(second.token)).not.toBeNull();
      await store.identity.deleteInvitation({ organizationId, id: second.invitation.id });
      expect(await store.identity.findInvitation(second.token)).toBeNull();
      const gone = store.identity.deleteInvitation({ organizationId, id: invitation.id });
      await expect(gone).rejects.toMatchObject({ code: 'not_found' });
      skewMs = 8 * dayMs;
      const third = await invite(organizationId, 'viewer');
      expect(await store.identity.findInvitation(third.token)).toBeNull();
      skewMs = 0;
      expect((await store.identity.listInvitations({ organizationId })).map(({ id }) => id)).toEqual([
        invitation.id,
        third.invitation.id,
      ]);
    });

    it.each(['removed', 'demoted'])('ends the invitations of an owner who is %s', async (how) => {
      const { organizationId } = await newOrganization();
      await newPerson(organizationId, 'owner');
      const { userId } = await newPerson(organizationId, 'owner');
      const token = randomUUID();
      const given = { organizationId, role: 'owner' as const, email: null, expiresAtMs: Date.now() + dayMs };
      const { identity } = store.actingAs({ type: 'user', id: userId, name: 'Ann' });
      const { id } = await identity.createInvitation({ ...given, id: randomUUID(), token });
      expect(await store.identity.findInvitation(token)).not.toBeNull();
      const key = { organizationId, userId };
      await (how === 'removed'
        ? identity.removeMember(key, { revokedAtMs: 1 })
        : identity.updateMember(key, 'member'));
      await expect(identity.acceptInvitation(token, { userId })).rejects.toMatchObject({ code: 'not_found' });
      const open = await store.identity.listInvitations({ organizationId });
      expect(open.map((one) => one.id)).not.toContain(id);
      expect(await audit(organizationId, { action: 'invitation.delete' })).toMatchObject([
        { actor: { id: userId }, resource: { id } },
      ]);
    });

    it('takes no invitation of someone who is no owner', async () => {
      const { organizationId } = await newOrganization();
      const { userId } = await newPerson(organizationId, 'member');
      const token = randomUUID();
      const { identity } = store.actingAs({ type: 'user', id: userId, name: 'Ann' });
      const given = { organizationId, role: 'owner' as const, email: null, expiresAtMs: Date.now() + dayMs };
      await identity.createInvitation({ ...given, id: randomUUID(), token });
      const person = { name: 'Bo', email: `${randomUUID()}@example.com`, password };
      await expect(identity.acceptInvitation(token, person)).rejects.toMatchObject({ code: 'not_found' });
      expect(await store.identity.findInvitation(token)).toBeNull();
    });

    it('keeps who changed what, without secrets, in the transaction of the change', async () => {
      const { organizationId, projectId } = await newOrganization();
      const actor = { type: 'user', id: 'u1', name: 'Ann' } as const;
      const acting = store.actingAs(actor);
      const key = {
        ...{ id: randomUUID(), organizationId, projectId, name: 'ci', scopes: ['call' as const] },
        ...{ secretHash: 'f'.repeat(64), pepperVersion: 1, createdAtMs: 1 },
        ...{ expiresAtMs: null, revokedAtMs: null },
      };
      await acting.createApiKey(key);
      await expect(acting.createApiKey(key)).rejects.toMatchObject({ code: 'conflict' });
      await acting.revokeApiKey({ organizationId, id: key.id, atMs: 2 });
      await acting.revokeApiKey({ organizationId, id: key.id, atMs: 3 });
      const provider = {
        ...{ id: randomUUID(), organizationId, name: 'own', kind: 'openai', baseUrl: 'https://x/v1' },
        ...{ sealedCredential: 'lk1.a.b.c', origin: 'console' as const, enabled: true, models: [] },
      };
      await acting.putProvider(provider);
      await acting.putProvider({ ...provider, sealedCredential: 'lk1.d.e.f' });
      await acting.putProvider({ ...provider, sealedCredential: 'lk1.d.e.f', enabled: false });
      const own = (await audit(organizationId, { actorId: 'u1' })).reverse();
      expect(own.map(({ action }) => action)).toEqual([
        ...['key.create', 'key.revoke', 'provider.create', 'provider.update', 'provider.update'],
      ]);
      expect(own[1]).toMatchObject({
        actor,
        resource: { type: 'key', id: key.id, name: 'ci' },
        projectId,
        before: { revokedAtMs: null },
        after: { revokedAtMs: 2 },
      });
      expect(own.map(({ after }) => after?.credentialChanged)).toEqual([undefined, undefined, true, true, undefined]); // prettier-ignore
      expect(JSON.stringify(own)).not.toMatch(/ffff|lk1|secretHash|sealed/);
    });

    it('pages the audit log by cursor, and shows nothing of another organization', async () => {
      const [own, foreign] = [await newOrganization(), await newOrganization()];
      await store.renameOrganization({ id: own.organizationId, name: 'renamed' });
      await store.noteAction({
        organizationId: null,
        action: 'dead-letter.replay',
        resource: { id: 'd1', name: 'd1' },
      });
      const seen = [];
      let cursor: string | undefined;
      do {
        const page = await store.listAudit({ ...{ organizationId: own.organizationId, cursor }, limit: 1 });
        expect(page.entries).toHaveLength(1);
        seen.push(...page.entries);
        cursor = page.nextCursor ?? undefined;
      } while (cursor !== undefined && seen.length < 4);
      expect(seen.slice(0, 2).map(({ action }) => action)).toEqual([
        'dead-letter.replay',
        'organization.update',
      ]);
      expect(JSON.stringify(await audit(own.organizationId))).not.toContain(foreign.organizationId);
      expect(await audit(own.organizationId, { action: 'organization.update' })).toMatchObject([
        { before: { name: `org ${own.organizationId}` }, after: { name: 'renamed' } },
      ]);
      expect(await audit(own.organizationId, { toMs: 1 })).toEqual([]);
      const times = await store.lastActions('dead-letter.replay', ['d1', 'd2']);
      expect([...times.keys()]).toEqual(['d1']);
      await expect(store.listAudit({ ...own, limit: 1, cursor: 'x' })).rejects.toMatchObject({
        param: 'cursor',
      });
    });

    it('keeps saved views of a project', async () => {
      const { projectId } = await newOrganization();
      const { projectId: foreign } = await newOrganization();
      const view = { id: randomUUID(), projectId, name: 'slow', search: '?filter=x', createdBy: 'Ann', createdAtMs: 5 }; // prettier-ignore
      await store.createView(view);
      await expect(store.createView({ ...view, id: randomUUID() })).rejects.toMatchObject({
        code: 'conflict',
      });
      expect(await store.listViews(projectId)).toEqual([view]);
      expect(await store.listViews(foreign)).toEqual([]);
      const stranger = store.deleteView({ projectId: foreign, id: view.id });
      await expect(stranger).rejects.toMatchObject({ code: 'not_found' });
      await store.deleteView({ projectId, id: view.id });
      expect(await store.listViews(projectId)).toEqual([]);
    });
  });
}
