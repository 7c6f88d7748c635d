'use client';

import { createPlainClient, type LoomClient } from '@loom/api-contract';
import type { LoomError } from '@loom/errors';
import {
  keepPreviousData,
  useMutation,
  type UseMutationResult,
  useQuery,
  useQueryClient,
  type UseQueryOptions,
  type UseQueryResult,
} from '@tanstack/react-query';
import { createContext, useContext, useMemo } from 'react';
import { fetchAhead } from './ahead.ts';

/** Names of the client's methods that answer JSON. */
export type RouteMethod = Exclude<keyof LoomClient, 'getSpanRaw' | 'live'>;
export type InputOf<Name extends RouteMethod> = Parameters<LoomClient[Name]>[0];
export type OutputOf<Name extends RouteMethod> = Awaited<ReturnType<LoomClient[Name]>>;

const noProject = createClient(undefined);
const ClientContext = createContext<{ readonly client: LoomClient; readonly projectId: string }>({
  client: noProject,
  projectId: '',
});

function createClient(projectId: string | undefined): LoomClient {
  return createPlainClient({
    queryUrl: '/api/query',
    controlUrl: '/api/control',
    apiKey: null,
    fetch: fetchAhead,
    ...(projectId !== undefined && { projectId }),
  });
}

/** Everything below asks about this project. */
export function ProjectClient({
  projectId,
  children,
}: {
  readonly projectId: string;
  readonly children: React.ReactNode;
}) {
  const value = useMemo(() => ({ client: createClient(projectId), projectId }), [projectId]);
  return <ClientContext value={value}>{children}</ClientContext>;
}

export function useClient(): { readonly client: LoomClient; readonly projectId: string } {
  return useContext(ClientContext);
}

type Options<Name extends RouteMethod> = Omit<
  UseQueryOptions<OutputOf<Name>, LoomError>,
  'queryKey' | 'queryFn' | 'placeholderData'
> & {
  /** Shows the answer before while the next one comes. */
  readonly keep?: boolean;
};

/** One route's answer, kept under project, route and input. */
export function useLoom<Name extends RouteMethod>(
  name: Name,
  input?: InputOf<Name>,
  { keep, ...options }: Options<Name> = {},
): UseQueryResult<OutputOf<Name>, LoomError> {
  const { client, projectId } = useClient();
  return useQuery<OutputOf<Name>, LoomError>({
    queryKey: [projectId, name, input ?? null],
    queryFn: ({ signal }) => {
      const call = client[name] as (input: object) => Promise<OutputOf<Name>>;
      return call({ ...input, signal });
    },
    ...(keep && { placeholderData: keepPreviousData }),
    ...options,
  });
}

/** A change by one route; the answers of `refresh` are asked for again when it is made. */
export function useLoomChange<Name extends RouteMethod>(
  name: Name,
  refresh: readonly RouteMethod[] = [],
): UseMutationResult<OutputOf<Name>, LoomError, NonNullable<InputOf<Name>>> {
  const { client, projectId } = useClient();
  const queries = useQueryClient();
  return useMutation<OutputOf<Name>, LoomError, NonNullable<InputOf<Name>>>({
    mutationFn: (input) => (client[name] as (input: object) => Promise<OutputOf<Name>>)(input),
    onSuccess: () =>
      Promise.all(refresh.map((route) => queries.invalidateQueries({ queryKey: [projectId, route] }))),
  });
}
