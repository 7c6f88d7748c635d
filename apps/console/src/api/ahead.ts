import { projectHeader } from '@loom/api-contract';

/** A question that a page is sure to ask: the path under its origin, and the project that it is about. */
export interface Question {
  readonly url: string;
  readonly projectId: string | null;
}

declare global {
  /** Answers that are on their way since before the page's scripts, by question. */
  var loomAhead: Record<string, Promise<Response>> | undefined;
}

const keyOf = ({ url, projectId }: Question): string => `${projectId ?? ''} ${url}`;

/** What the page of a path asks first, so that it need not wait for its scripts. */
export function firstQuestions(path: string, projectId: string): Question[] {
  const [, traceId] = /^\/p\/[^/]+\/traces\/([^/]+)$/.exec(path) ?? [];
  const me = { url: '/api/control/v1/me', projectId: null };
  if (traceId === undefined) return [me];
  return [me, { url: `/api/query/v1/traces/${traceId}/outline`, projectId }];
}

/** A script for the document that asks: it runs before any other. */
export function askingScript(questions: readonly Question[]): string {
  const asked = questions.map((question) => [
    keyOf(question),
    question.url,
    {
      accept: 'application/json',
      ...(question.projectId !== null && { [projectHeader]: question.projectId }),
    },
  ]);
  const list = JSON.stringify(asked).replaceAll('<', '\\u003c');
  return `loomAhead={};for(const[k,u,headers]of${list})(loomAhead[k]=fetch(u,{headers})).catch(()=>0)`;
}

/** As `fetch`; an answer that was asked for ahead is taken, once. */
export const fetchAhead: typeof fetch = (input, init) => {
  const projectId = new Headers(init?.headers).get(projectHeader);
  const key = keyOf({ url: typeof input === 'string' ? input : '', projectId });
  const answer = init?.method === 'GET' ? globalThis.loomAhead?.[key] : undefined;
  if (!answer) return fetch(input, init);
  delete globalThis.loomAhead?.[key];
  return answer;
};
