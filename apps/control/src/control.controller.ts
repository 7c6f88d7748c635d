import { routes } from '@loom/api-contract';
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
import { Caller, type Principal, RequirePermission } from '@loom/service-kit';
import { ErasureDesk } from './erasure-desk.ts';
import { KeyRegistry } from './key-registry.ts';
import { PriceRegistry } from './price-registry.ts';
import { ProjectRegistry } from './project-registry.ts';
import { ProviderRegistry } from './provider-registry.ts';
import { ViewRegistry } from './view-registry.ts';

type Value<Schema extends z.ZodType> = z.output<Schema>;
const { createKey, updateKey, createProvider, updateProvider, createAlias, updateAlias } = routes;
const { createProject, updateProject, createErasure } = routes;
const idParams = routes.revokeKey.params;
type IdParams = Value<typeof idParams>;

@Controller('v1/keys')
export class KeysController {
  readonly #keys: KeyRegistry;

  constructor(@Inject(KeyRegistry) keys: KeyRegistry) {
    this.#keys = keys;
  }

  @Get()
  @RequirePermission(routes.listKeys)
  list(@Caller() caller: Principal): ReturnType<KeyRegistry['list']> {
    return this.#keys.list(caller);
  }

  @Post()
  @RequirePermission(routes.createKey)
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  create(
    @Caller() caller: Principal,
    @Body({ schema: createKey.body }) body: Value<typeof createKey.body>,
  ): ReturnType<KeyRegistry['create']> {
    return this.#keys.create(caller, body);
  }

  @Patch(':id')
  @RequirePermission(routes.updateKey)
  update(
    @Caller() caller: Principal,
    @Param({ schema: idParams }) { id }: IdParams,
    @Body({ schema: updateKey.body }) body: Value<typeof updateKey.body>,
  ): ReturnType<KeyRegistry['update']> {
    return this.#keys.update(caller, id, body);
  }

  @Delete(':id')
  @RequirePermission(routes.revokeKey)
  revoke(
    @Caller() caller: Principal,
    @Param({ schema: idParams }) { id }: IdParams,
  ): ReturnType<KeyRegistry['revoke']> {
    return this.#keys.revoke(caller, id);
  }
}

@Controller('v1/providers')
export class ProvidersController {
  readonly #providers: ProviderRegistry;

  constructor(@Inject(ProviderRegistry) providers: ProviderRegistry) {
    this.#providers = providers;
  }

  @Get()
  @RequirePermission(routes.listProviders)
  list(@Caller() caller: Principal): ReturnType<ProviderRegistry['list']> {
    return this.#providers.list(caller);
  }

  @Post()
  @RequirePermission(routes.createProvider)
  @HttpCode(200)
  create(
    @Caller() caller: Principal,
    @Body({ schema: createProvider.body }) body: Value<typeof createProvider.body>,
  ): ReturnType<ProviderRegistry['create']> {
    return this.#providers.create(caller, body);
  }

  @Patch(':id')
  @RequirePermission(routes.updateProvider)
  update(
    @Caller() caller: Principal,
    @Param({ schema: idParams }) { id }: IdParams,
    @Body({ schema: updateProvider.body }) body: Value<typeof updateProvider.body>,
  ): ReturnType<ProviderRegistry['update']> {
    return this.#providers.update(caller, id, body);
  }

  @Post(':id/test')
  @RequirePermission(routes.testProvider)
  @HttpCode(200)
  test(
    @Caller() caller: Principal,
    @Param({ schema: idParams }) { id }: IdParams,
  ): ReturnType<ProviderRegistry['test']> {
    return this.#providers.test(caller, id);
  }

  @Delete(':id')
  @RequirePermission(routes.deleteProvider)
  remove(
    @Caller() caller: Principal,
    @Param({ schema: idParams }) { id }: IdParams,
  ): ReturnType<ProviderRegistry['delete']> {
    return this.#providers.delete(caller, id);
  }
}

@Controller('v1')
export class ProjectsController {
  readonly #projects: ProjectRegistry;

  constructor(@Inject(ProjectRegistry) projects: ProjectRegistry) {
    this.#projects = projects;
  }

  @Get('projects')
  @RequirePermission(routes.listProjects)
  list(@Caller() caller: Principal): ReturnType<ProjectRegistry['listProjects']> {
    return this.#projects.listProjects(caller);
  }

  @Post('projects')
  @RequirePermission(routes.createProject)
  @HttpCode(200)
  create(
    @Caller() caller: Principal,
    @Body({ schema: createProject.body }) body: Value<typeof createProject.body>,
  ): ReturnType<ProjectRegistry['createProject']> {
    return this.#projects.createProject(caller, body);
  }

  @Patch('projects/:id')
  @RequirePermission(routes.updateProject)
  update(
    @Caller() caller: Principal,
    @Param({ schema: idParams }) { id }: IdParams,
    @Body({ schema: updateProject.body }) body: Value<typeof updateProject.body>,
  ): ReturnType<ProjectRegistry['updateProject']> {
    return this.#projects.updateProject(caller, id, body);
  }

  @Get('aliases')
  @RequirePermission(routes.listAliases)
  listAliases(@Caller() caller: Principal): ReturnType<ProjectRegistry['listAliases']> {
    return this.#projects.listAliases(caller);
  }

  @Post('aliases')
  @RequirePermission(routes.createAlias)
  @HttpCode(200)
  createAlias(
    @Caller() caller: Principal,
    @Body({ schema: createAlias.body }) body: Value<typeof createAlias.body>,
  ): ReturnType<ProjectRegistry['createAlias']> {
    return this.#projects.createAlias(caller, body);
  }

  @Patch('aliases/:id')
  @RequirePermission(routes.updateAlias)
  updateAlias(
    @Caller() caller: Principal,
    @Param({ schema: idParams }) { id }: IdParams,
    @Body({ schema: updateAlias.body }) body: Value<typeof updateAlias.body>,
  ): ReturnType<ProjectRegistry['updateAlias']> {
    return this.#projects.updateAlias(caller, id, body);
  }

  @Delete('aliases/:id')
  @RequirePermission(routes.deleteAlias)
  deleteAlias(
    @Caller() caller: Principal,
    @Param({ schema: idParams }) { id }: IdParams,
  ): ReturnType<ProjectRegistry['deleteAlias']> {
    return this.#projects.deleteAlias(caller, id);
  }
}

@Controller('v1/prices')
export class PricesController {
  readonly #prices: PriceRegistry;

  constructor(@Inject(PriceRegistry) prices: PriceRegistry) {
    this.#prices = prices;
  }

  @Get()
  @RequirePermission(routes.listPrices)
  list(
    @Caller() caller: Principal,
    @Query({ schema: routes.listPrices.query }) query: Value<typeof routes.listPrices.query>,
  ): ReturnType<PriceRegistry['list']> {
    return this.#prices.list(caller, query);
  }

  @Post()
  @RequirePermission(routes.createPrice)
  @HttpCode(200)
  create(
    @Caller() caller: Principal,
    @Body({ schema: routes.createPrice.body }) body: Value<typeof routes.createPrice.body>,
  ): ReturnType<PriceRegistry['create']> {
    return this.#prices.create(caller, body);
  }

  @Delete(':id')
  @RequirePermission(routes.deletePrice)
  remove(
    @Caller() caller: Principal,
    @Param({ schema: idParams }) { id }: IdParams,
  ): ReturnType<PriceRegistry['delete']> {
    return this.#prices.delete(caller, id);
  }
}

@Controller('v1/views')
export class ViewsController {
  readonly #views: ViewRegistry;

  constructor(@Inject(ViewRegistry) views: ViewRegistry) {
    this.#views = views;
  }

  @Get()
  @RequirePermission(routes.listViews)
  list(@Caller() caller: Principal): ReturnType<ViewRegistry['list']> {
    return this.#views.list(caller);
  }

  @Post()
  @RequirePermission(routes.createView)
  @HttpCode(200)
  create(
    @Caller() caller: Principal,
    @Body({ schema: routes.createView.body }) body: Value<typeof routes.createView.body>,
  ): ReturnType<ViewRegistry['create']> {
    return this.#views.create(caller, body);
  }

  @Delete(':id')
  @RequirePermission(routes.deleteView)
  remove(
    @Caller() caller: Principal,
    @Param({ schema: idParams }) { id }: IdParams,
  ): ReturnType<ViewRegistry['delete']> {
    return this.#views.delete(caller, id);
  }
}

@Controller('v1/erasures')
export class ErasuresController {
  readonly #erasures: ErasureDesk;

  constructor(@Inject(ErasureDesk) erasures: ErasureDesk) {
    this.#erasures = erasures;
  }

  @Get()
  @RequirePermission(routes.listErasures)
  list(@Caller() caller: Principal): ReturnType<ErasureDesk['list']> {
    return this.#erasures.list(caller);
  }

  @Post()
  @RequirePermission(createErasure)
  @HttpCode(200)
  create(
    @Caller() caller: Principal,
    @Body({ schema: createErasure.body }) body: Value<typeof createErasure.body>,
  ): ReturnType<ErasureDesk['create']> {
    return this.#erasures.create(caller, body);
  }
}
