import { routes } from '@loom/api-contract';
import { Caller, type Person, type Principal, RequirePermission, SignedIn } from '@loom/service-kit';
import {
  Body,
  Controller,
  Delete,
  Get,
  Header,
  HttpCode,
  Inject,
  Param,
  Patch,
  Post,
  Query,
} from '@nestjs/common';
import type { z } from 'zod';
import { OrganizationRegistry } from './organization-registry.ts';

type Value<Schema extends z.ZodType> = z.output<Schema>;
const { createOrganization, updateOrganization, updateMember, createInvitation, getInvitationOffer, listAudit } = routes; // prettier-ignore
const idParams = routes.removeMember.params;
type IdParams = Value<typeof idParams>;

@Controller('v1')
export class OrganizationsController {
  readonly #organizations: OrganizationRegistry;

  constructor(@Inject(OrganizationRegistry) organizations: OrganizationRegistry) {
    this.#organizations = organizations;
  }

  @Post('organizations')
  @RequirePermission(createOrganization)
  @HttpCode(200)
  create(
    @SignedIn() person: Person,
    @Body({ schema: createOrganization.body }) { name }: Value<typeof createOrganization.body>,
  ): ReturnType<OrganizationRegistry['create']> {
    return this.#organizations.create(person, name);
  }

  @Patch('organization')
  @RequirePermission(updateOrganization)
  rename(
    @Caller() caller: Principal,
    @Body({ schema: updateOrganization.body }) { name }: Value<typeof updateOrganization.body>,
  ): ReturnType<OrganizationRegistry['rename']> {
    return this.#organizations.rename(caller, name);
  }

  @Get('members')
  @RequirePermission(routes.listMembers)
  listMembers(@Caller() caller: Principal): ReturnType<OrganizationRegistry['listMembers']> {
    return this.#organizations.listMembers(caller);
  }

  @Patch('members/:id')
  @RequirePermission(updateMember)
  updateMember(
    @Caller() caller: Principal,
    @Param({ schema: idParams }) { id }: IdParams,
    @Body({ schema: updateMember.body }) { role }: Value<typeof updateMember.body>,
  ): ReturnType<OrganizationRegistry['updateMember']> {
    return this.#organizations.updateMember(caller, id, role);
  }

  @Delete('members/:id')
  @RequirePermission(routes.removeMember)
  removeMember(
    @Caller() caller: Principal,
    @Param({ schema: idParams }) { id }: IdParams,
    @Query({ schema: routes.removeMember.query }) query: Value<typeof routes.removeMember.query>,
  ): ReturnType<OrganizationRegistry['removeMember']> {
    return this.#organizations.removeMember(caller, id, query);
  }

  @Get('invitations')
  @RequirePermission(routes.listInvitations)
  listInvitations(@Caller() caller: Principal): ReturnType<OrganizationRegistry['listInvitations']> {
    return this.#organizations.listInvitations(caller);
  }

  @Post('invitations')
  @RequirePermission(createInvitation)
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  createInvitation(
    @Caller() caller: Principal,
    @Body({ schema: createInvitation.body }) body: Value<typeof createInvitation.body>,
  ): ReturnType<OrganizationRegistry['createInvitation']> {
    return this.#organizations.createInvitation(caller, body);
  }

  @Delete('invitations/:id')
  @RequirePermission(routes.deleteInvitation)
  deleteInvitation(
    @Caller() caller: Principal,
    @Param({ schema: idParams }) { id }: IdParams,
  ): ReturnType<OrganizationRegistry['deleteInvitation']> {
    return this.#organizations.deleteInvitation(caller, id);
  }

  @Get('invitation-offers/:token')
  @RequirePermission(getInvitationOffer)
  @Header('cache-control', 'no-store')
  offer(
    @Param({ schema: getInvitationOffer.params }) { token }: Value<typeof getInvitationOffer.params>,
  ): ReturnType<OrganizationRegistry['offerOf']> {
    return this.#organizations.offerOf(token);
  }

  @Get('audit')
  @RequirePermission(listAudit)
  listAudit(
    @Caller() caller: Principal,
    @Query({ schema: listAudit.query }) query: Value<typeof listAudit.query>,
  ): ReturnType<OrganizationRegistry['listAudit']> {
    return this.#organizations.listAudit(caller, query);
  }
}
