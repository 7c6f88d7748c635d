import { parseExactJson } from '@loom/trace-schema';
import { isRecordList, record, records } from '../json-values.ts';
import { fitToolId, type ToolIdRule } from '../neutral/tool-ids.ts';
import { type ChatHabits, hintsRefused, knownHabitsOf } from './chat-habits.ts';

type Body = Readonly<Record<string, unknown>>;

/** A chat request with what its kind of provider is known to refuse or to ignore put right. */
interface AdaptedChat {
  readonly bytes: Buffer;
  /** Names of the members that were left out. */
  readonly dropped: readonly string[];
}

/**
 * The request of a chat caller for a kind of provider of the same API that would refuse it as it is: members have the
 * name that is known there, hints that are refused are left out, ids of tool calls fit. Null where nothing has to change:
 * then its bytes pass as they are. `members`: the names of the body's members.
 */
export function adaptChatBody(bytes: Buffer, members: ReadonlySet<string>, kind: string): AdaptedChat | null {
  const habits = knownHabitsOf(kind);
  if (!habits) return null;
  const dropped = hintsRefused(habits).filter((name) => members.has(name));
  const renamed = Object.entries(habits.renames).filter(
    ([from, to]) => members.has(from) && !members.has(to),
  );
  const mayHaveCalls = needsCalls(habits) && bytes.includes('"tool_calls"');
  if (dropped.length === 0 && renamed.length === 0 && !mayHaveCalls) return null;
  const body = parseExactJson(bytes.toString('utf8')) as Body;
  const messages =
    isRecordList(body.messages) && mayHaveCalls ? adaptCalls(records(body.messages), habits) : null;
  if (dropped.length === 0 && renamed.length === 0 && !messages) return null;
  const names = new Map(renamed);
  const adapted = Object.entries({ ...body, ...(messages ? { messages } : {}) })
    .filter(([name]) => !dropped.includes(name))
    .map(([name, value]) => [names.get(name) ?? name, value] as const);
  return { bytes: Buffer.from(JSON.stringify(Object.fromEntries(adapted))), dropped };
}

function needsCalls({ toolIds, reasoningOff }: ChatHabits): boolean {
  return toolIds !== null || reasoningOff === 'thinking';
}

// Null where all messages fit.
function adaptCalls(messages: readonly Body[], { toolIds, reasoningOff }: ChatHabits): Body[] | null {
  const adapted = messages.map((message) => {
    const withIds = toolIds ? fitMessage(message, toolIds) : message;
    // DeepSeek refuses turns with calls that come without reasoning, also where another model made them.
    const lacksReasoning = Array.isArray(message.tool_calls) && message.reasoning_content === undefined;
    return reasoningOff === 'thinking' && lacksReasoning ? { ...withIds, reasoning_content: '' } : withIds;
  });
  return adapted.some((message, index) => message !== messages[index]) ? adapted : null;
}

function fitMessage(message: Body, rule: ToolIdRule): Body {
  const { tool_call_id: result, tool_calls: calls } = message;
  if (typeof result === 'string' && !rule.pattern.test(result))
    return { ...message, tool_call_id: fitToolId(result, rule) };
  const fits = ({ id }: Body) => typeof id !== 'string' || rule.pattern.test(id);
  if (!isRecordList(calls) || records(calls).every(fits)) return message;
  const fitted = records(calls).map((call) =>
    fits(call) ? call : { ...record(call), id: fitToolId(String(call.id), rule) },
  );
  return { ...message, tool_calls: fitted };
}
