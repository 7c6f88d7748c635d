import { routes } from '@loom/api-contract';
import { type Person, RequirePermission, SignedIn } from '@loom/service-kit';
import { Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import type { z } from 'zod';
import { DeadLetterIndex } from './dead-letter-index.ts';
import { DeploymentWatch } from './deployment-watch.ts';

type Value<Schema extends z.ZodType> = z.output<Schema>;
const { listDeadLetters, getDeadLetter, replayDeadLetter } = routes;

@Controller('v1')
export class DeploymentController {
  readonly #watch: DeploymentWatch;
  readonly #deadLetters: DeadLetterIndex;

  constructor(
    @Inject(DeploymentWatch) watch: DeploymentWatch,
    @Inject(DeadLetterIndex) deadLetters: DeadLetterIndex,
  ) {
    this.#watch = watch;
    this.#deadLetters = deadLetters;
  }

  @Get('deployment')
  @RequirePermission(routes.getDeployment)
  info(): ReturnType<DeploymentWatch['info']> {
    return this.#watch.info();
  }

  @Get('health')
  @RequirePermission(routes.getHealth)
  health(): ReturnType<DeploymentWatch['report']> {
    return this.#watch.report(this.#deadLetters.count);
  }

  @Get('dead-letters')
  @RequirePermission(listDeadLetters)
  listDeadLetters(
    @Query({ schema: listDeadLetters.query }) query: Value<typeof listDeadLetters.query>,
  ): ReturnType<DeadLetterIndex['list']> {
    return this.#deadLetters.list(query);
  }

  @Get('dead-letters/:id')
  @RequirePermission(getDeadLetter)
  getDeadLetter(
    @Param({ schema: getDeadLetter.params }) { id }: Value<typeof getDeadLetter.params>,
  ): ReturnType<DeadLetterIndex['read']> {
    return this.#deadLetters.read(id);
  }

  @Post('dead-letters/:id/replay')
  @RequirePermission(replayDeadLetter)
  @HttpCode(200)
  replay(
    @SignedIn() person: Person,
    @Param({ schema: replayDeadLetter.params }) { id }: Value<typeof replayDeadLetter.params>,
  ): ReturnType<DeadLetterIndex['replay']> {
    return this.#deadLetters.replay(person, id);
  }
}
