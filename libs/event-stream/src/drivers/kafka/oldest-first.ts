import kafkajs, { type PartitionAssigner } from 'kafkajs';

const { MemberAssignment, MemberMetadata } = kafkajs.AssignerProtocol;

const version = 1;

/**
 * Gives the partitions of a group to its members in the order in which they came: a member that joins takes from the
 * others what is its share, and a lone partition stays where it is.
 */
export function oldestFirst(memberSinceMs: number): PartitionAssigner {
  return ({ cluster }) => ({
    name: 'loom-oldest-first',
    version,
    assign({ members, topics }) {
      const ids = members
        .map(({ memberId, memberMetadata }) => ({ memberId, since: sinceOf(memberMetadata) }))
        .sort((a, b) => a.since - b.since || (a.memberId < b.memberId ? -1 : 1))
        .map(({ memberId }) => memberId);
      const shares = new Map<string, Record<string, number[]>>(ids.map((id) => [id, {}]));
      const partitions = topics.flatMap((topic) =>
        cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => ({ topic, partitionId })),
      );
      for (const [index, { topic, partitionId }] of partitions.entries()) {
        const share = shares.get(ids[index % ids.length] ?? '');
        if (share) (share[topic] ??= []).push(partitionId);
      }
      return Promise.resolve(
        [...shares].map(([memberId, assignment]) => ({
          memberId,
          memberAssignment: MemberAssignment.encode({
            version,
            assignment,
            userData: Buffer.alloc(0),
          }),
        })),
      );
    },
    protocol: ({ topics }) => ({
      name: 'loom-oldest-first',
      metadata: MemberMetadata.encode({
        version,
        topics,
        userData: Buffer.from(String(memberSinceMs)),
      }),
    }),
  });
}

function sinceOf(metadata: Buffer): number {
  const text = MemberMetadata.decode(metadata)?.userData.toString();
  return Number(text) || Number.MAX_SAFE_INTEGER;
}
