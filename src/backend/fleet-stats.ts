/** What a node has counted since it joined. Plain numbers: they are touched for each message. */
export class FleetStats {
  /** Messages published by this node. */
  published = 0;
  /** Publishes that were refused because too many waited for the broker. */
  refused = 0;
  /** Messages that came from other nodes. */
  received = 0;
  /** Messages written to a socket, or given to a server-side subscriber. */
  delivered = 0;
  /** Deliveries left out because the client did not read. */
  dropped = 0;
  /** Connections closed for that reason. */
  closedSlow = 0;
  /** Messages that arrived once more, or behind a later one of their publisher. */
  duplicates = 0;
  /** Messages of other nodes that never came, as told by those that came after. */
  missed = 0;
  /** Messages that still waited for the broker when the node left. */
  lost = 0;
  /** What came from the broker and is no message of this library. */
  malformed = 0;
  /** Errors thrown by server-side subscribers. */
  subscriberErrors = 0;
  /** Times that the broker went away. */
  interruptions = 0;
  /** Nodes that were not heard for their lease, and whose members have left therefore. */
  presenceLeasesEnded = 0;
  /** Messages that the log has confirmed to this node. */
  stored = 0;
  /** Messages sent to a session once more. */
  redelivered = 0;
  /** Messages that sessions have settled. */
  acknowledged = 0;
  /** Messages that were refused by who got them, to come again. */
  refusedByReceivers = 0;
  /** Messages that were delivered too often, and put aside. */
  deadLetters = 0;
  /** Sessions that came back later than the log keeps what they have missed. */
  logGaps = 0;
  /** Sessions that went on elsewhere while they were still served here. */
  sessionsTaken = 0;
  connections = 0;
  /** Connections in channels: one that is in three counts three. */
  memberships = 0;
}
