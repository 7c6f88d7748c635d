import { record, records, text } from './json-values.ts';

type Body = Readonly<Record<string, unknown>>;

/*
 * Answers that came as one JSON body although a stream was asked for, as the stream that they would have been. Members
 * that are not known here stay where they are.
 */

const data = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`;
const named = (value: Body) => `event: ${String(value.type)}\n${data(value)}`;

/** A chat completion. */
export function chatAsStream({ choices, usage, ...rest }: Body, includeUsage: boolean): string {
  const head = { ...rest, object: 'chat.completion.chunk' };
  const chunks = records(choices).flatMap(({ message, finish_reason: reason, ...choice }) => [
    { ...head, choices: [{ ...choice, delta: chatDelta(record(message) ?? {}), finish_reason: null }] },
    { ...head, choices: [{ index: choice.index ?? 0, delta: {}, finish_reason: reason ?? 'stop' }] },
  ]);
  const last = includeUsage && usage ? data({ ...head, choices: [], usage }) : '';
  return `${chunks.map(data).join('')}${last}data: [DONE]\n\n`;
}

function chatDelta(message: Body): Body {
  if (!Array.isArray(message.tool_calls)) return message;
  return { ...message, tool_calls: records(message.tool_calls).map((call, index) => ({ index, ...call })) };
}

/** A legacy completion. */
export function completionAsStream({ usage, ...completion }: Body, includeUsage: boolean): string {
  const last = includeUsage && usage ? data({ ...completion, choices: [], usage }) : '';
  return `${data(completion)}${last}data: [DONE]\n\n`;
}

/** A message of the Messages API. */
export function messageAsStream({ content, stop_reason, stop_sequence, ...rest }: Body): string {
  const message = { ...rest, content: [], stop_reason: null, stop_sequence: null };
  const delta = { stop_reason: stop_reason ?? 'end_turn', stop_sequence: stop_sequence ?? null };
  return [
    { type: 'message_start', message },
    ...records(content).flatMap(blockEvents),
    { type: 'message_delta', delta, usage: rest.usage ?? {} },
    { type: 'message_stop' },
  ]
    .map(named)
    .join('');
}

function blockEvents(block: Body, index: number): Body[] {
  const { start, deltas } = blockParts(block);
  return [
    { type: 'content_block_start', index, content_block: start },
    ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
    { type: 'content_block_stop', index },
  ];
}

function blockParts(block: Body): { start: Body; deltas: Body[] } {
  switch (block.type) {
    case 'text': {
      const cited = records(block.citations).map((citation) => ({ type: 'citations_delta', citation }));
      return {
        start: { ...block, text: '', ...(cited.length > 0 ? { citations: [] } : {}) },
        deltas: [...cited, { type: 'text_delta', text: block.text }],
      };
    }
    case 'thinking':
      return {
        start: { ...block, thinking: '', signature: '' },
        deltas: [
          { type: 'thinking_delta', thinking: block.thinking },
          { type: 'signature_delta', signature: block.signature ?? '' },
        ],
      };
    case 'tool_use':
    case 'server_tool_use':
      return {
        start: { ...block, input: {} },
        deltas: [{ type: 'input_json_delta', partial_json: JSON.stringify(block.input ?? {}) }],
      };
    default:
      return { start: block, deltas: [] };
  }
}

/** A response of the Responses API. */
export function responseAsStream(response: Body): string {
  const begun = { ...response, status: 'in_progress', output: [], usage: null };
  const ends = ['completed', 'incomplete', 'failed'];
  const status = text(response.status) ?? 'completed';
  return [
    { type: 'response.created', response: begun },
    { type: 'response.in_progress', response: begun },
    ...records(response.output).flatMap(itemEvents),
    { type: `response.${ends.includes(status) ? status : 'in_progress'}`, response },
  ]
    .map((event, sequence_number) => named({ ...event, sequence_number }))
    .join('');
}

function itemEvents(item: Body, output_index: number): Body[] {
  const place = { output_index, item_id: item.id };
  const hasContent = item.type === 'message' && Array.isArray(item.content);
  const isCall = item.type === 'function_call';
  const begun = hasContent ? { ...item, content: [] } : isCall ? { ...item, arguments: '' } : item;
  return [
    { type: 'response.output_item.added', output_index, item: { ...begun, status: 'in_progress' } },
    ...(hasContent ? records(item.content).flatMap((part, index) => partEvents(part, index, place)) : []),
    ...(isCall
      ? [
          { type: 'response.function_call_arguments.delta', ...place, delta: item.arguments },
          { type: 'response.function_call_arguments.done', ...place, arguments: item.arguments },
        ]
      : []),
    { type: 'response.output_item.done', output_index, item },
  ];
}

function partEvents(part: Body, content_index: number, of: Body): Body[] {
  const place = { ...of, content_index };
  const name = part.type === 'refusal' ? 'refusal' : 'text';
  const kind = name === 'refusal' ? 'response.refusal' : 'response.output_text';
  const said = text(part[name]) ?? '';
  return [
    { type: 'response.content_part.added', ...place, part: { ...part, [name]: '' } },
    { type: `${kind}.delta`, ...place, delta: said },
    { type: `${kind}.done`, ...place, [name]: said },
    { type: 'response.content_part.done', ...place, part },
  ];
}
