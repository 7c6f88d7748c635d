import { type Environment, envPort, envUrl, loadConfig } from '@loom/config';
import { z } from 'zod';

/** Every knob of pricing. */
export const pricingConfigSchema = z.object({
  LOOM_PRICING_HOST: z
    .string()
    .default('127.0.0.1')
    .describe('Address that health and metrics are served on'),
  LOOM_PRICING_PORT: envPort.default(4102).describe('Port; 0 means any free one'),
  LOOM_EVENT_STREAM_URL: envUrl.describe('The event stream: kafka://…'),
});
export type PricingConfig = z.infer<typeof pricingConfigSchema>;

export function readPricingConfig(env: Environment): PricingConfig {
  return loadConfig(pricingConfigSchema, env);
}
