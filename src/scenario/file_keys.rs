//! Every key of a scenario file: one table, for the decoder, its messages and docs/SCENARIOS.md.

/// A table of the file and the keys that it takes.
#[derive(Debug)]
pub struct Section {
    /// How it is written: `[[topic]]`.
    pub name: &'static str,
    /// What it describes.
    pub doc: &'static str,
    /// Its keys.
    pub keys: &'static [FileKey],
}

/// A key of a scenario file.
#[derive(Debug)]
pub struct FileKey {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub form: &'static str,
    /// What holds without it; empty when it must be there.
    pub default: &'static str,
    /// What it means.
    pub doc: &'static str,
}

macro_rules! sections {
    ($($(#[$doc:meta])* $name:ident $title:literal $about:literal {
        $($key:literal $form:literal $default:literal $key_doc:literal;)*
    })*) => {$(
        $(#[$doc])*
        pub(crate) const $name: Section = Section {
            name: $title,
            doc: $about,
            keys: &[$(FileKey {
                name: $key,
                form: $form,
                default: $default,
                doc: $key_doc,
            },)*],
        };
    )*
        /// All sections, in the order of docs/SCENARIOS.md.
        pub const SECTIONS: &[&Section] = &[$(&$name,)*];
    };
}

sections! {
    /// The file itself.
    ROOT "the scenario"
        "The top of the file." {
        "version" "1" "" "The version of this format.";
        "title" "text" "" "One line that says what the scenario shows.";
        "about" "text" "\"\"" "What to look at, and where the story comes from.";
        "duration" "duration" "" "How long workloads and faults act.";
        "settle" "duration" "from the configuration"
            "How long healing may take: by default the largest of delivery.timeout.ms and a \
             group's max.poll.interval.ms + 5 s (and its metadata.max.age.ms where \
             `create_partitions` acts), + broker.session.timeout.ms + \
             2 x replica.lag.time.max.ms + 10 s.";
        "defects" "list of defects" "[]" "Bugs to switch on; `kafsim defects` lists them.";
        "cluster" "table" "" "See `[cluster]`.";
        "broker" "tables" "none" "See `[[broker]]`.";
        "controller" "tables" "none" "See `[[controller]]`.";
        "topic" "tables" "none" "See `[[topic]]`.";
        "producer" "tables" "none" "See `[[producer]]`.";
        "consumer" "tables" "none" "See `[[consumer]]`.";
        "group" "tables" "none" "See `[[group]]`.";
        "client" "tables" "none" "See `[[client]]`.";
        "network" "table" "a quiet data centre" "See `[network]`.";
        "link" "tables" "none" "See `[[link]]`.";
        "fault" "tables" "none" "See `[[fault]]`.";
        "admin" "tables" "none" "See `[[admin]]`.";
        "faults" "table" "none" "See `[faults.random]`.";
        "claim" "tables" "none" "See `[[claim]]`.";
    }
    /// `[cluster]`.
    CLUSTER "[cluster]"
        "The servers: brokers `broker-1`, `broker-2`, ... and controllers `controller-1`, ... \
         (node ids 3001, 3002, ...)." {
        "release" "\"4.1\"" "\"4.1\"" "The release of Kafka whose defaults hold.";
        "brokers" "1 to 200" "" "How many brokers.";
        "controllers" "1 to 9" "" "How many controllers, all of them voters.";
        "server_properties" "path or { file = text, text = text }" "none"
            "A real broker's `server.properties`, from the scenario's folder; its keys hold on all \
             servers, below `config`.";
        "config" "Kafka keys" "{}" "Broker and controller keys that hold on all of them.";
        "service" "table" "{}" "How long the brokers' work takes, see `service`.";
        "features" "features" "{}" "Finalized features.";
    }
    /// `[[broker]]`.
    BROKER "[[broker]]"
        "A broker that differs from the others." {
        "id" "number" "" "Which.";
        "rack" "text" "none" "`broker.rack`.";
        "server_properties" "path or { file = text, text = text }" "none"
            "This broker's own `server.properties`, over the keys of the cluster.";
        "config" "Kafka keys" "{}" "Broker keys, over those of the cluster.";
        "service" "table" "{}" "How long its work takes, over the cluster's, see `service`.";
        "disk" "table" "a disk of today" "See `disk`.";
        "clock" "table" "exact" "See `clock`.";
    }
    /// `[[controller]]`.
    CONTROLLER "[[controller]]"
        "A controller that differs from the others." {
        "id" "number" "" "Which: 1 for `controller-1`.";
        "server_properties" "path or { file = text, text = text }" "none"
            "This controller's own `server.properties`, over the keys of the cluster.";
        "config" "Kafka keys" "{}" "Controller keys, over those of the cluster.";
        "service" "table" "{}" "How long its work takes, see `service`.";
        "disk" "table" "a disk of today" "See `disk`.";
        "clock" "table" "exact" "See `clock`.";
    }
    /// `service = {}`.
    SERVICE "service"
        "How long a thread is busy with one thing. What comes meanwhile waits." {
        "produce" "duration" "\"10us\"" "With a Produce request, beside its records.";
        "fetch" "duration" "\"10us\"" "With a Fetch request.";
        "request" "duration" "\"10us\"" "With any other request.";
        "response" "duration" "\"10us\"" "With a response, beside its records.";
        "kib" "duration" "\"1us\"" "With a KiB of records that a request or response brings.";
        "other" "duration" "\"5us\""
            "With anything else: a deadline, a flush that ended, work of another thread.";
    }
    /// A server's own file.
    SERVER_PROPERTIES "server_properties"
        "A `server.properties` with its contents, as a run file keeps it." {
        "file" "text" "" "Its path, for messages.";
        "text" "text" "" "What stands in it.";
    }
    /// `disk = {}`.
    DISK "disk"
        "The disk of a broker or a controller." {
        "flush" "a latency" "p50 400us, p99 3ms, max 20ms"
            "How long a flush (fsync) takes, beside its bytes.";
        "bandwidth" "size a second" "none" "How fast it writes what a flush finds unwritten.";
        "capacity" "size" "none"
            "How many bytes of records it takes; healing gives it room again.";
    }
    /// `clock = {}`.
    CLOCK "clock"
        "The clocks of a host." {
        "offset" "signed duration" "\"0s\"" "How far the wall clock is ahead.";
        "drift" "drift" "\"0ppm\"" "How much both clocks gain: `50ppm`, `-1%`.";
    }
    /// `[[topic]]`.
    TOPIC "[[topic]]"
        "A topic, created before time zero." {
        "name" "text" "" "Its name.";
        "partitions" "1 to 10000" "1" "How many partitions.";
        "replication_factor" "number" "3, or the number of brokers if that is less"
            "How many replicas of each.";
        "config" "Kafka keys" "{}" "Topic keys, over those of broker and cluster.";
    }
    /// `[[producer]]`.
    PRODUCER "[[producer]]"
        "A built-in application that writes. Each of its processes is a host of its own, called \
         by the name, with `-1`, `-2`, ... behind it when there are several." {
        "name" "text" "" "Its name.";
        "count" "1 to 1000" "1" "How many processes.";
        "topic" "text" "" "Where it writes.";
        "rate" "rate" "\"100/s\"" "Records that each process sends.";
        "keys" "\"none\" or { uniform = n }" "\"none\""
            "Which keys the records have: none, or n different ones.";
        "value_bytes" "size" "100" "The size of each value.";
        "value" "\"filler\" or \"json\"" "\"filler\""
            "filler: the same bytes in all; json: an object that says which record it is, of whom \
             and when, at least `value_bytes` long. `kafsim events` shows it.";
        "headers" "texts by name" "{}" "Headers that every record has.";
        "records_max" "number" "no end" "How many records each process sends at most.";
        "start" "duration" "\"0s\"" "When it begins.";
        "config" "Kafka keys" "{}" "Producer keys.";
        "clock" "table" "exact" "See `clock`.";
    }
    /// `[[consumer]]`.
    CONSUMER "[[consumer]]"
        "A built-in application that reads all partitions of a topic, by assignment. Hosts as \
         for producers." {
        "name" "text" "" "Its name.";
        "count" "1 to 1000" "1" "How many processes; each reads everything.";
        "topic" "text" "" "What it reads.";
        "from" "\"beginning\", \"end\", { ago = duration } or { time = duration }"
            "\"beginning\""
            "Where it begins: at the first record, at what comes after its start, at the first \
             record no older than `ago` then, or of the scenario's `time` or later.";
        "config" "Kafka keys" "{}" "Consumer keys.";
        "clock" "table" "exact" "See `clock`.";
    }
    /// `[[group]]`.
    GROUP "[[group]]"
        "A consumer group: built-in applications that share the partitions of topics. Hosts as for \
         producers. What a member does with each record takes `processing`. One that is refused \
         for good closes its consumer and does no more; its process lives on." {
        "name" "text" "" "Its name, which is the `group.id`.";
        "members" "1 to 1000" "1" "How many members there are at first.";
        "scale" "tables" "[]" "How many there are later, see `scale`.";
        "pauses" "tables" "[]" "When they pause which partitions, see `pauses`.";
        "topics" "list of texts" "or `pattern`" "What they read.";
        "pattern" "text" "or `topics`"
            "What they read: every topic whose whole name is like this regular expression.";
        "processing" "duration" "\"0s\"" "How long an application takes for each record.";
        "commit" "\"auto\", \"sync\", \"async\", \"before\" or \"never\"" "\"auto\""
            "auto: the consumer commits by itself (`enable.auto.commit`), what polls have \
             returned; sync: the application commits each batch when it has processed it, and \
             waits for that; async: the same without waiting, but before partitions are revoked; \
             before: it commits each batch before it processes it, so that a crash loses \
             records rather than processing them twice; never: each start begins where the reset \
             policy says.";
        "static" "true or false" "false"
            "Whether the members are static, `group.instance.id` being the host's name.";
        "produce_to" "text" "nowhere"
            "A topic to which a record is sent for each that was processed; one that fails is \
             sent again every 100 ms. All are acknowledged before the commit, or with \
             commit=\"before\" before the next poll.";
        "start" "duration" "\"0s\"" "When its first members begin.";
        "config" "Kafka keys" "{}" "Consumer keys, and those of members of a group.";
        "deploy" "tables" "[]" "Another configuration later, see `deploy`.";
        "producer" "Kafka keys" "{}" "Producer keys, for `produce_to`.";
        "clock" "table" "exact" "See `clock`.";
    }
    /// `deploy = []`.
    DEPLOY "deploy"
        "Another configuration in place of `config`, for every member that starts from then on, as \
         in `deploy = [{ at = \"20s\", config = { group.protocol = \"consumer\" } }]`. Those that \
         run keep theirs until they are started again: by a `rolling_restart`, say." {
        "at" "duration" "" "When.";
        "config" "group keys" "{}" "Consumer keys, and those of members of a group.";
    }
    /// `scale = []`.
    SCALE "scale"
        "A change of the number of members: the newest are stopped in order, or new ones start, \
         as in `scale = [{ at = \"20s\", members = 5 }]`." {
        "at" "duration" "" "When.";
        "members" "0 to 1000" "" "How many there are from then on.";
    }
    /// `pauses = []`.
    PAUSES "pauses"
        "A time in which applications pause partitions, as in `pauses = [{ at = \"20s\", for = \
         \"5s\", partitions = [\"orders-0\"] }]`: whoever owns one stays its owner, polls on and \
         gets no record of it. Looked at before each poll, by the application's own clock; who \
         takes one over meanwhile pauses it, too." {
        "at" "duration" "" "When.";
        "for" "duration" "to the end" "How long.";
        "partitions" "list of partitions" "" "Which.";
    }
    /// `[[client]]`.
    CLIENT "[[client]]"
        "A client process whose application is your own code, run by the coupled driver; \
         `kafsim run` leaves it idle." {
        "name" "text" "" "Its name, and its host's.";
        "producer" "Kafka keys" "{}" "Producer keys.";
        "consumer" "Kafka keys" "{}" "Consumer keys; with `group` those of members, too.";
        "group" "text" "none" "The `group.id` under which it may subscribe.";
        "static" "true or false" "false"
            "Whether it is a static member, `group.instance.id` being the host's name.";
        "auto_commit" "true or false" "true" "`enable.auto.commit`.";
        "clock" "table" "exact" "See `clock`.";
    }
    /// `[network]`.
    NETWORK "[network]"
        "Every link that no `[[link]]` names, and the network cards of all hosts." {
        "latency" "a latency" "p50 300us, p99 2ms, max 20ms" "How long a message travels, one way.";
        "loss" "a share" "\"0%\"" "TCP segments lost, which are sent again.";
        "bandwidth" "a bandwidth" "no limit"
            "What a host's network card carries, in each direction, of all its links together.";
    }
    /// `[[link]]`.
    LINK "[[link]]"
        "A link that differs, both ways." {
        "between" "two hosts" "" "Which.";
        "latency" "a latency" "p50 300us, p99 2ms, max 20ms" "How long a message travels, one way.";
        "loss" "a share" "\"0%\"" "TCP segments lost, which are sent again.";
        "bandwidth" "a bandwidth" "no limit" "What it carries, in each direction.";
    }
    /// A latency.
    LATENCY "latency"
        "How long a message travels, one way." {
        "p50" "duration" "" "Half of all messages are faster.";
        "p99" "duration" "" "One in a hundred is slower.";
        "max" "duration" "" "None is slower.";
    }
    /// `[[fault]]`.
    FAULT "[[fault]]"
        "Something that goes wrong: one of `at` and `when`, one of the kinds, and `for`." {
        "at" "duration" "or `when`" "When it begins, from time zero.";
        "when" "milestone" "or `at`" "What the run must have come to; see `when`.";
        "for" "duration" "until healing" "How long it lasts.";
        "crash" "{ host, keep }" "one of the kinds" "A process dies; it starts again at the end.";
        "pause" "{ host }" "one of the kinds" "A process stands still; its clocks go on.";
        "stall" "{ host }" "one of the kinds"
            "An application does nothing any more; its client goes on.";
        "isolate" "{ host, direction }" "one of the kinds" "A host is cut off from all others.";
        "partition" "{ groups or shape, of }" "one of the kinds"
            "Groups of hosts do not hear each other.";
        "cut" "{ between, direction }" "one of the kinds" "A link is cut.";
        "delay" "{ host or between, latency or by, jitter, direction }" "one of the kinds"
            "Links are slow.";
        "lose" "{ host or between, loss, direction }" "one of the kinds"
            "Links lose what is sent over them, and TCP sends it again.";
        "throttle" "{ host or between, bandwidth, direction }" "one of the kinds"
            "A network card or a link carries less.";
        "reset" "{ host or between }" "one of the kinds" "Open connections are reset, once.";
        "slow" "{ host, factor }" "one of the kinds" "A process works slowly.";
        "slow_disk" "{ host, factor }" "one of the kinds" "Flushes take longer.";
        "hang_disk" "{ host }" "one of the kinds" "A disk does nothing any more.";
        "fill_disk" "{ host }" "one of the kinds" "No space is left on a disk.";
        "fail_disk" "{ host, operations }" "one of the kinds" "A disk answers with errors.";
        "replace_disk" "{ host }" "one of the kinds"
            "A host loses its disk and starts with an empty one at the end.";
        "jump_clock" "{ host, by }" "one of the kinds" "A wall clock jumps.";
        "drift_clock" "{ host, by }" "one of the kinds" "Clocks run at another pace.";
        "stop" "{ host, kill_after }" "one of the kinds"
            "A process is asked to end in order (SIGTERM); it starts again at the end.";
        "rolling_restart" "{ hosts, pause, kill_after }" "one of the kinds"
            "Processes are stopped and started in turn; it ends when all are back.";
    }
    /// `crash = {}`.
    CRASH "crash"
        "A process dies; it starts again when the fault ends." {
        "host" "target" "" "Whose.";
        "keep" "\"page-cache\" or \"synced\"" "\"page-cache\""
            "What its disk keeps: everything written (the process died), or only what was flushed \
             and an arbitrary beginning of the rest (the power failed).";
    }
    /// `pause = {}`.
    PAUSE "pause"
        "A process stands still, as in a long garbage collection; its clocks go on." {
        "host" "target" "" "Whose.";
    }
    /// `stall = {}`.
    STALL "stall"
        "A built-in application does nothing any more, as when it waits for a database: it polls \
         no records, and its client's threads go on. A group's member sends heartbeats still, and \
         leaves when `max.poll.interval.ms` is over." {
        "host" "target" "" "Whose: a client, or a role of a group.";
    }
    /// `isolate = {}`.
    ISOLATE "isolate"
        "A host is cut off from all others. Connections stay open and silent; what was sent \
         arrives after the end, as TCP has it." {
        "host" "target" "" "Which.";
        "direction" "\"inbound\", \"outbound\" or \"both\"" "\"both\""
            "Which way, seen from the host; for a cut `outbound` is from the first host to the \
             second.";
    }
    /// `partition = {}`.
    PARTITION "partition"
        "Hosts of different groups do not hear each other. A host belongs to the first group that \
         names it; one in no group hears everybody." {
        "groups" "list of lists of targets" "or `shape`" "The groups, at least two.";
        "shape" "\"halves\", \"one\", \"bridge\", \"ring\" or \"one-way\"" "or `groups`"
            "How the network falls apart; who stands where is drawn from the seed.";
        "of" "list of targets" "every broker and every controller"
            "For a shape: the hosts that fall apart.";
    }
    /// `cut = {}`.
    CUT "cut"
        "A link is cut." {
        "between" "two targets" "" "Which.";
        "direction" "\"inbound\", \"outbound\" or \"both\"" "\"both\""
            "Which way, seen from the host; for a cut `outbound` is from the first host to the \
             second.";
    }
    /// `delay = {}`.
    DELAY "delay"
        "Links are slow." {
        "host" "target" "or `between`" "All links of this host.";
        "between" "two targets" "or `host`" "One link.";
        "latency" "a latency" "or `by`" "The latency meanwhile.";
        "by" "duration" "or `latency`" "How much longer than usual a message travels.";
        "jitter" "duration" "\"0s\"" "With `by`: give or take at most so much, no more than `by`.";
        "direction" "\"inbound\", \"outbound\" or \"both\"" "\"both\""
            "Which way, seen from `host` or the first of `between`.";
    }
    /// `lose = {}`.
    LOSE "lose"
        "Links lose what is sent over them, and TCP sends it again." {
        "host" "target" "or `between`" "All links of this host.";
        "between" "two targets" "or `host`" "One link.";
        "loss" "a share" "" "TCP segments lost.";
        "direction" "\"inbound\", \"outbound\" or \"both\"" "\"both\""
            "Which way, seen from `host` or the first of `between`.";
    }
    /// `throttle = {}`.
    THROTTLE "throttle"
        "A network card or a link carries less." {
        "host" "target" "or `between`"
            "The network card of this host: all its links together.";
        "between" "two targets" "or `host`" "One link.";
        "bandwidth" "a bandwidth" "" "What it carries meanwhile.";
        "direction" "\"inbound\", \"outbound\" or \"both\"" "\"both\""
            "Which way, seen from `host` or the first of `between`.";
    }
    /// `reset = {}`.
    RESET "reset"
        "Open connections are reset, once: both ends hear of it at that instant, and what is under \
         way is lost. It takes no `for`." {
        "host" "target" "or `between`" "All connections of this host.";
        "between" "two targets" "or `host`" "Those between two.";
    }
    /// `slow = {}`.
    SLOW "slow"
        "A process works slowly: each of its threads takes a multiple of its service time. The \
         disk and the network are as fast as ever." {
        "host" "target" "" "Whose.";
        "factor" "2 to 1000000" "" "How many times as long everything takes.";
    }
    /// `slow_disk = {}`.
    SLOW_DISK "slow_disk"
        "Flushes (fsync) take longer." {
        "host" "a server" "" "Whose disk.";
        "factor" "2 to 10000" "" "So many times as long.";
    }
    /// `hang_disk = {}`.
    HANG_DISK "hang_disk"
        "What a disk is asked for is not done before the fault ends. Threads that wait for it \
         stand still, all others go on, heartbeats too: writes go to the page cache." {
        "host" "a server" "" "Whose disk.";
    }
    /// `fill_disk = {}`.
    FILL_DISK "fill_disk"
        "No space is left: what writes gets an IOException, and the process halts. It starts again \
         when there is room, at the end." {
        "host" "a server" "" "Whose disk.";
    }
    /// `fail_disk = {}`.
    FAIL_DISK "fail_disk"
        "A disk answers with I/O errors; whoever gets one halts. The process starts again at the \
         end." {
        "host" "a server" "" "Whose disk.";
        "operations" "\"writes\", \"flushes\", \"reads\" or \"all\"" "\"all\""
            "What fails. Reads fail a process that starts: one that runs reads its page cache.";
    }
    /// `replace_disk = {}`.
    REPLACE_DISK "replace_disk"
        "A host loses power and disk, and starts with an empty one at the end." {
        "host" "a server" "" "Which.";
    }
    /// `jump_clock = {}`.
    JUMP_CLOCK "jump_clock"
        "A wall clock jumps, and jumps back at the end if the fault has a `for`. Without, it stays \
         where it is." {
        "host" "target" "" "Whose.";
        "by" "signed duration" "" "How far.";
    }
    /// `drift_clock = {}`.
    DRIFT_CLOCK "drift_clock"
        "Both clocks of a host run at another pace." {
        "host" "target" "" "Whose.";
        "by" "drift" "" "How much more they gain, `1%` or `-200ppm`; at most a tenth.";
    }
    /// `stop = {}`.
    STOP "stop"
        "A process is asked to end in order (SIGTERM), and starts again when the fault ends, or, \
         if it takes longer, when it has ended. A broker goes through a controlled shutdown: the \
         controller moves its leaderships, then it closes its logs. A controller that leads the \
         quorum resigns first. A client sends what it has and closes; one whose application is \
         your own code (`[[client]]`) just dies." {
        "host" "target" "" "Whose.";
        "kill_after" "duration" "never"
            "How long it may take to end before it is killed (SIGKILL), as systemd and Kubernetes \
             have it; for a broker that is a crash.";
    }
    /// `rolling_restart = {}`.
    ROLLING_RESTART "rolling_restart"
        "One process after the other is stopped in order and started again, as an operator does \
         it: the next one is stopped when everything runs and every partition has all its replicas \
         in sync again." {
        "hosts" "target or list of targets" "\"every broker\"" "Whose, in this order.";
        "pause" "duration" "\"0s\"" "How long the operator waits before the next.";
        "kill_after" "duration" "never" "How long each may take to end before it is killed.";
    }
    /// `when = {}`.
    WHEN "when"
        "The fault begins when the `count`-th event of this description has happened." {
        "event" "event" "" "The event's kind, as in docs/TRACE.md.";
        "partition" "partition" "any" "Only events about this partition: \"orders-0\".";
        "host" "a host or replica" "any" "Only events that this host recorded.";
        "where" "{ field = text }" "{}" "Only events whose field reads so.";
        "count" "number" "1" "The how-manieth such event since time zero.";
        "after" "duration" "\"0s\"" "How long after it.";
    }
    /// `[[admin]]`.
    ADMIN "[[admin]]"
        "Something that the built-in admin client, host `admin`, does once: one of `at` and \
         `when`, and one of the sixteen operations. What the cluster answers is a line of the \
         story." {
        "at" "duration" "or `when`" "When, from time zero.";
        "when" "milestone" "or `at`" "What the run must have come to; see `when`.";
        "create_topic" "{ name, partitions, ... }" "one of the sixteen" "Creates a topic.";
        "delete_topic" "{ name }" "one of the sixteen" "Deletes a topic with all its records.";
        "create_partitions" "{ topic, count }" "one of the sixteen" "Adds partitions to a topic.";
        "delete_records" "{ partition, before }" "one of the sixteen"
            "Deletes the first records of a partition.";
        "elect_leaders" "{ election, partitions }" "one of the sixteen" "Elects leaders.";
        "alter_config" "{ topic or broker, set, unset }" "one of the sixteen"
            "Changes configuration while the cluster runs.";
        "unregister_broker" "{ id }" "one of the sixteen" "Has the cluster forget a broker.";
        "describe_topic" "{ name }" "one of the sixteen" "Tells leaders and in-sync sets.";
        "describe_cluster" "{}" "one of the sixteen" "Tells the brokers, and which are fenced.";
        "describe_configs" "{ topic or broker }" "one of the sixteen"
            "Tells configuration values and who set them.";
        "list_groups" "{}" "one of the sixteen" "Tells all groups, with protocol and state.";
        "describe_group" "{ group }" "one of the sixteen"
            "Tells a group's state, coordinator and members, and what these own.";
        "delete_group" "{ group }" "one of the sixteen"
            "Deletes a group that has no members, with all that it has committed.";
        "list_offsets" "{ group }" "one of the sixteen" "Tells what a group has committed.";
        "alter_offsets" "{ group, partitions, offset }" "one of the sixteen"
            "Commits for a group that has no members.";
        "delete_offsets" "{ group, partitions }" "one of the sixteen"
            "Deletes what a group has committed, of topics that no member subscribes to.";
    }
    /// `create_topic = {}`.
    CREATE_TOPIC "create_topic"
        "Creates a topic." {
        "name" "text" "" "Its name.";
        "partitions" "1 to 10000" "1" "How many partitions.";
        "replication_factor" "number" "3, or the number of brokers if that is less"
            "How many replicas of each; the controller refuses more than there are brokers.";
        "config" "Kafka keys" "{}" "Topic keys.";
    }
    /// `delete_topic = {}`.
    DELETE_TOPIC "delete_topic"
        "Deletes a topic with all its records." {
        "name" "text" "" "Which.";
    }
    /// `create_partitions = {}`.
    CREATE_PARTITIONS "create_partitions"
        "Adds partitions to a topic." {
        "topic" "text" "" "Which.";
        "count" "1 to 10000" ""
            "How many it is to have, old and new; the controller refuses what is no more than now.";
    }
    /// `delete_records = {}`.
    DELETE_RECORDS "delete_records"
        "Deletes the first records of a partition." {
        "partition" "partition" "" "Which: \"orders-0\".";
        "before" "number" "the high watermark" "The offset that is to be the first.";
    }
    /// `elect_leaders = {}`.
    ELECT_LEADERS "elect_leaders"
        "Elects leaders." {
        "election" "\"preferred\" or \"unclean\"" "\"preferred\""
            "preferred: the first replica, if it is in sync; unclean: any that is alive, where \
             there is no leader, at the cost of records.";
        "partitions" "list of partitions" "all" "Of which.";
    }
    /// `alter_config = {}`.
    ALTER_CONFIG "alter_config"
        "Changes configuration while the cluster runs." {
        "topic" "text" "all brokers" "Whose; without `topic` and `broker` every broker's.";
        "broker" "number" "all brokers" "Whose.";
        "set" "Kafka keys" "{}" "Topic or broker keys and their new values.";
        "unset" "list of keys" "[]" "Keys that go back to what holds without them.";
    }
    /// `unregister_broker = {}`.
    UNREGISTER_BROKER "unregister_broker"
        "Has the cluster forget a broker." {
        "id" "number" "" "Which.";
    }
    /// `describe_topic = {}`.
    DESCRIBE_TOPIC "describe_topic"
        "Tells leaders and in-sync sets." {
        "name" "text" "" "Of which topic.";
    }
    /// `describe_cluster = {}`.
    DESCRIBE_CLUSTER "describe_cluster"
        "Tells the brokers, and which are fenced." {
    }
    /// `describe_configs = {}`.
    DESCRIBE_CONFIGS "describe_configs"
        "Tells configuration values and who set them." {
        "topic" "text" "every broker's" "Whose.";
        "broker" "number" "every broker's" "Whose.";
    }
    /// `list_groups = {}`.
    LIST_GROUPS "list_groups"
        "Tells all groups, with protocol and state, put together from what every broker says." {
    }
    /// `describe_group = {}`.
    DESCRIBE_GROUP "describe_group"
        "Tells a group's state, coordinator and members, and what these own." {
        "group" "text" "" "Which.";
    }
    /// `delete_group = {}`.
    DELETE_GROUP "delete_group"
        "Deletes a group with all that it has committed; its coordinator refuses while it has \
         members." {
        "group" "text" "" "Which.";
    }
    /// `list_offsets = {}`.
    LIST_OFFSETS "list_offsets"
        "Tells what a group has committed." {
        "group" "text" "" "Which.";
    }
    /// `alter_offsets = {}`.
    ALTER_OFFSETS "alter_offsets"
        "Commits for a group, as `kafka-consumer-groups.sh --reset-offsets` does; its coordinator \
         refuses while it has members." {
        "group" "text" "" "Which.";
        "partitions" "list of partitions" "" "Where.";
        "offset" "number" "" "The next record to consume.";
    }
    /// `delete_offsets = {}`.
    DELETE_OFFSETS "delete_offsets"
        "Deletes what a group has committed; its coordinator refuses for topics that a member \
         subscribes to." {
        "group" "text" "" "Which.";
        "partitions" "list of partitions" "" "Where.";
    }
    /// `[faults]`.
    FAULTS "[faults]"
        "Faults that are not written down one by one." {
        "random" "table" "none" "See `[faults.random]`.";
    }
    /// `[faults.random]`.
    RANDOM "[faults.random]"
        "Faults drawn from the seed, within a budget; all end before healing begins." {
        "profile" "\"swarm\" or \"steady\"" "\"swarm\""
            "swarm: each seed draws which kinds are on and how often they come; steady: all are.";
        "budget" "table" "{}" "See `budget`.";
        "without" "list of places" "[]"
            "Those that do not happen, by their place among all that the seed draws, from 1; the \
             others stay as they are.";
    }
    /// `budget = {}`.
    BUDGET "budget"
        "What random faults must leave standing." {
        "hosts_down" "number" "1" "Brokers that are down, paused or cut off at once.";
        "controllers_down" "number" "a minority" "Controllers that are; never a majority.";
        "power_losses" "number" "1 when every topic has min.insync.replicas of 2 or more, else 0"
            "Brokers that lost their page cache and have not caught up again, at once.";
        "members_down" "number" "1"
            "Members of groups that are down, stand still or are cut off at once.";
    }
    /// `[[claim]]`.
    CLAIM "[[claim]]"
        "What is expected of a property; all that are not named are expected to hold." {
        "property" "property" "" "Which; `kafsim properties` lists them.";
        "expect" "\"holds\", \"violated\" or \"may\"" "\"holds\""
            "`violated`: in this run, or in at least one seed of a sweep; within the premise or \
             not.";
    }
}

/// Keys that a later version will take, by section, and why this one does not.
pub(crate) const LATER: &[(&str, &str, &str)] = &[
    (
        "the scenario",
        "server_properties",
        "it stands under [cluster], [[broker]] or [[controller]]",
    ),
    ("[cluster]", "mode", "ZooKeeper mode is not simulated yet: leave it out for KRaft"),
    ("[[broker]]", "service_times", "write `service`"),
    ("[[producer]]", "transaction", "transactions are not simulated yet: leave it out"),
    ("[[consumer]]", "group", "write a [[group]] instead: its members share the partitions"),
    ("[[fault]]", "bit_rot", "bytes that rot are not simulated yet: write a `fail_disk`"),
    ("[[fault]]", "clock_jump", "write `jump_clock`"),
    ("[[fault]]", "disk_full", "write `fill_disk`"),
    ("[[fault]]", "disk_hang", "write `hang_disk`"),
    ("[[fault]]", "loss", "write `lose = { between = [...], loss = \"1%\" }`"),
];

/// Kafka's keys that nothing here obeys yet, and what to do instead. A name that ends in `.`
/// stands for all that begin with it.
pub(crate) const LATER_CONFIG: &[(&str, &str)] = &[
    ("transactional.id", "transactions are not simulated yet"),
    ("transaction.", "transactions are not simulated yet"),
    ("isolation.level", "transactions are not simulated yet"),
    ("group.id", "it is the `name` of a [[group]], or the `group` of a [[client]]"),
    (
        "group.instance.id",
        "write `static = true` in the [[group]] or [[client]]: it is the host's name",
    ),
    (
        "enable.auto.commit",
        "write `commit = \"auto\"`, or another word, in the [[group]]; `auto_commit = false` in a \
         [[client]]",
    ),
    ("compression.", "compression is not simulated"),
    ("cleanup.policy", "every log is cleaned up by deletion; compaction is not simulated yet"),
    ("log.cleanup.policy", "every log is cleaned up by deletion; compaction is not simulated yet"),
    ("log.cleaner.", "every log is cleaned up by deletion; compaction is not simulated yet"),
    ("file.delete.delay.ms", "deleted segments give their space back at once"),
    ("log.segment.delete.delay.ms", "deleted segments give their space back at once"),
    ("log.retention.hours", "write `log.retention.ms`"),
    ("log.retention.minutes", "write `log.retention.ms`"),
    ("log.roll.hours", "write `log.roll.ms`"),
    ("log.roll.jitter.hours", "write `log.roll.jitter.ms`"),
    ("delete.retention.ms", "every log is cleaned up by deletion; compaction is not simulated yet"),
    (
        "min.compaction.lag.ms",
        "every log is cleaned up by deletion; compaction is not simulated yet",
    ),
    (
        "max.compaction.lag.ms",
        "every log is cleaned up by deletion; compaction is not simulated yet",
    ),
    ("replica.selector.class", "consumers read from leaders only"),
    ("client.rack", "consumers read from leaders only"),
    ("broker.rack", "write `rack` in a [[broker]]"),
    ("node.id", "brokers are 1, 2, 3, ...: write `id` in a [[broker]]"),
    ("broker.id", "brokers are 1, 2, 3, ...: write `id` in a [[broker]]"),
    ("process.roles", "brokers and controllers are separate processes"),
    ("listeners", "hosts find each other by name"),
    ("bootstrap.servers", "clients know all brokers of the scenario"),
    ("num.partitions", "topics are made by [[topic]] only"),
    ("default.replication.factor", "topics are made by [[topic]] only"),
    ("auto.create.topics.enable", "topics are made by [[topic]] only"),
    ("zookeeper.", "ZooKeeper mode is not simulated yet"),
    ("security.", "security is not simulated"),
    ("ssl.", "security is not simulated"),
    ("sasl.", "security is not simulated"),
    ("metadata.log.max.", "metadata snapshots are not taken yet"),
    ("leader.imbalance.per.broker.percentage", "the controllers of KRaft do not look at it"),
    ("remote.", "tiered storage is not simulated"),
    ("quota.", "quotas are not simulated"),
];
