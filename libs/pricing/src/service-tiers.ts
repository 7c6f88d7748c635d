/**
 * The words of providers for the tier whose price is the standard one: OpenAI `default` (`auto` until it is chosen),
 * Anthropic `standard`, Groq `on_demand` and Vertex AI `ON_DEMAND`, Bedrock `default`. By lower case.
 */
const standardTiers: ReadonlySet<string> = new Set([
  ...['', 'default', 'standard', 'auto', 'on_demand', 'standard_only', 'unspecified'],
]);

export function isStandardTier(tier: string | null): boolean {
  return tier === null || standardTiers.has(tier.toLowerCase());
}
