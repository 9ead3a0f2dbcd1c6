/** The name under which Kafka fences writers: one per group, topic and input partition. */

/**
 * @returns `group/topic/partition`. A `/` or `%` in the group is percent-escaped and topics cannot contain them, so different triples
 * never share an id. It begins with the group, so that one prefixed ACL covers a group's ids.
 */
export function transactionalIdOf(group: string, topic: string, partition: number): string {
  return `${group.replaceAll('%', '%25').replaceAll('/', '%2F')}/${topic}/${partition}`
}
