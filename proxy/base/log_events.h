/*
 * log_events.h - every event of the log: one table of name, level, fields, meaning and
 * remedy. docs/events.md is printed from it (`wlbproxy events`). tests/documents fails on
 * an event that is in the code and not in the table, or in the table and not in the code.
 */
#ifndef WLBPROXY_BASE_LOG_EVENTS_H
#define WLBPROXY_BASE_LOG_EVENTS_H

/* name, level, fields, meaning, remedy, in alphabetical order. A new event needs a row
 * here only. */
#define LOG_EVENTS(X)                                                                    \
    X("aborted", "error", "last_error",                                                  \
        "The process ends by abort(): a library or an assertion gave up.",               \
        "Report it, with the lines before it. The master replaces a worker.")            \
    X("accept_failed", "warning", "service reason times",                                \
        "The kernel refused a new connection.",                                          \
        "\"Too many open files\": raise LimitNOFILE or lower max_connections.")          \
    X("addresses_changed", "info", "connect addresses",                                  \
        "A name in connect resolves to other addresses; they are used from now on.",     \
        "Nothing.")                                                                      \
    X("admin_died", "error", "admin pid signal status reason",                           \
        "The admin process ended although nobody asked for that.", "It is replaced.")    \
    X("admin_ended", "info", "admin pid", "The admin process ended as it should.",       \
        "Nothing.")                                                                      \
    X("admin_killed", "error", "admin pid reason",                                       \
        "The admin process hung, and was killed.", "Report it if it happens again.")     \
    X("admin_listens", "info", "address",                                                \
        "Metrics and health can be asked for at this address.", "Nothing.")              \
    X("admin_not_started", "error", "admin reason",                                      \
        "The admin process could not be started; it is tried again.",                    \
        "See the reason: memory, TasksMax.")                                             \
    X("admin_pause", "warning", "admin ms",                                              \
        "The admin process died young: the next one starts after a pause.",              \
        "Look at the lines before.")                                                     \
    X("admin_up", "info", "admin pid", "The admin process has started.", "Nothing.")     \
    X("backend_check_failing", "warning", "service backend detail",                      \
        "The health checks of a backend fail: it gets no requests from this worker.",    \
        "Look at the backend; detail= is what the last check found.")                    \
    X("backend_check_passing", "info", "service backend",                                \
        "The health checks of a backend pass again: it gets requests.", "Nothing.")      \
    X("backend_drain_forgotten", "info", "service backend",                              \
        "A drained backend is not configured any more.", "Nothing.")                     \
    X("backend_drained", "info", "service backend",                                      \
        "An administrator drains a backend: it gets no new requests.",                   \
        "wlbproxy backend ADDRESS enable, when it may serve again.")                     \
    X("backend_enabled", "info", "service backend",                                      \
        "An administrator has enabled a drained backend: it gets requests.", "Nothing.") \
    X("backend_failed", "by reason", "conn service backend reason answered detail",      \
        "A request could not be served by its backend.",                                 \
        "Look at the backend. answered=refused: the client got an error reply; cut: a "  \
        "part of the backend's.")                                                        \
    X("backend_marked_down", "warning", "service backend retry_ms detail",               \
        "A backend failed; requests go to the others until it is found to be well.",     \
        "Look at the backend.")                                                          \
    X("backend_marked_up", "info", "service backend",                                    \
        "A backend that was down serves again.", "Nothing.")                             \
    X("ca_expired", "error", "service subject not_after days_left",                      \
        "A CA whose client certificates are trusted has expired: its clients are "       \
        "turned away.",                                                                  \
        "Put the current certificate of the CA into the file of ca.")                    \
    X("ca_expires", "warning, error", "service subject not_after days_left",             \
        "A CA whose client certificates are trusted will expire.",                       \
        "Put the new certificate of the CA into the file of ca.")                        \
    X("certificate_expired", "error", "service subject not_after days_left",             \
        "A certificate of a served chain has expired.",                                  \
        "wlbproxy cert request, have it signed, wlbproxy cert install.")                 \
    X("certificate_expires", "warning, error", "service subject not_after days_left",    \
        "A certificate of a served chain will expire.",                                  \
        "wlbproxy cert request, have it signed, wlbproxy cert install.")                 \
    X("confined", "info", "by", "A process has entered its sandbox.", "Nothing.")        \
    X("control_listens", "info", "path",                                                 \
        "The control socket is there, after it could not be opened, or was removed.",    \
        "Nothing.")                                                                      \
    X("control_refused", "warning", "reason", "The control socket refused a client.",    \
        "Run the command as root, or as the user of the proxy.")                         \
    X("crl_expired", "error", "service subject not_after days_left",                     \
        "A revocation list is old: the clients of its issuer are turned away.",          \
        "Fetch the current list of the CA.")                                             \
    X("crl_expires", "warning", "service subject not_after days_left",                   \
        "A revocation list is to be replaced soon.", "Fetch the next list of the CA.")   \
    X("crl_reloaded", "info", "generation workers",                                      \
        "A reload is refused, but the new revocation lists are in use.",                 \
        "Mend what the next reload_refused says.")                                       \
    X("descriptor_not_used", "warning", "fd text",                                       \
        "The service manager passed a descriptor that is no listening TCP socket.",      \
        "Look at the socket unit: ListenStream= with an address or a port.")             \
    X("descriptors", "info, warning", "limit max_connections asked text",                \
        "How many connections the limit of descriptors allows.",                         \
        "As a warning: raise LimitNOFILE to the number in the text.")                    \
    X("drain_ended", "warning", "connections reason",                                    \
        "drain_timeout is over, and the connections that were left are closed.",         \
        "Raise drain_timeout if they were worth waiting for.")                           \
    X("draining", "info", "drain_timeout_ms connections",                                \
        "The process takes no new connections and lets the busy ones end.", "Nothing.")  \
    X("draining_already", "info", "",                                                    \
        "A first stop signal came while the process was draining.",                      \
        "Send it again to stop at once.")                                                \
    X("end", "by reason",                                                                \
        "conn peer service reason state engine requests in out ms detail sni offered "   \
        "alert cause",                                                                   \
        "A connection ended; reason= is one of the end reasons. A failed handshake has " \
        "offered= by the client, alert= of TLS, and cause= in words.",                   \
        "See the end reasons below.")                                                    \
    X("exit_with_blocked_task", "info", "text",                                          \
        "The master ended while a file or a name was still waited for.",                 \
        "Look for a file system or a resolver that does not answer.")                    \
    X("file_watch_waits", "info", "reason text",                                         \
        "watch: the files changed, but cannot be served as they are.",                   \
        "Finish the rotation; `wlbproxy check` says what is wrong.")                     \
    X("finding", "by finding", "id text",                                                \
        "Something about the configuration or a certificate deserves attention.",        \
        "Do what the text says; `wlbproxy check` shows all of them.")                    \
    X("kernel_memory", "warning", "waits text",                                          \
        "The kernel had no memory for epoll and was asked again.",                       \
        "Give the machine more memory.")                                                 \
    X("log_disk_full", "error", "text",                                                  \
        "The last 64 MB of a log's disk (a twentieth of a small one) are left to "       \
        "others: "                                                                       \
        "what the workers say is not written.",                                          \
        "Make room; log_disk_has_room tells how many lines were lost.")                  \
    X("log_disk_has_room", "info", "lost", "The logs are written again.", "Nothing.")    \
    X("log_flood", "warning", "process pid text",                                        \
        "A process says more than any that is well; the rest is lost.",                  \
        "Look at its lines; log_level = debug under load does it, too.")                 \
    X("log_suppressed", "by reason", "reason lines seconds",                             \
        "A worker had more lines of one reason than 50 at once, then 5 a second: so "    \
        "many were counted instead of written.",                                         \
        "Nothing. `status` has the counts.")                                             \
    X("logs_not_reopened", "error", "reason",                                            \
        "USR1: the log files could not be opened; the old ones go on.",                  \
        "Check the path and its permissions, then send USR1 again.")                     \
    X("logs_reopened", "info", "", "USR1: the log files were opened anew.", "Nothing.")  \
    X("max_connections_reached", "warning", "clients max_connections detail",            \
        "A worker serves as many clients as it may.",                                    \
        "Raise max_connections (and LimitNOFILE), or look for one source that "          \
        "takes them.")                                                                   \
    X("name_not_resolved", "warning", "connect reason text",                             \
        "A name in connect cannot be resolved any more; its known addresses stay.",      \
        "Look at DNS or /etc/hosts.")                                                    \
    X("name_resolved", "info", "connect",                                                \
        "A name in connect that could not be resolved is resolved again.", "Nothing.")   \
    X("no_admin_socket", "warning", "reason text",                                       \
        "Metrics and health cannot be asked for; traffic is served.",                    \
        "See the reason: another process has the address, mostly.")                      \
    X("no_control_socket", "warning", "reason text",                                     \
        "The control socket could not be opened; the service runs without it, and "      \
        "tries "                                                                         \
        "again every few seconds.",                                                      \
        "Mend the reason.")                                                              \
    X("not_watched", "warning", "file reason text", "watch: inotify fails: polled.",     \
        "Raise fs.inotify.max_user_watches.")                                            \
    X("not_watching", "warning", "reason text", "watch: no inotify: all is polled.",     \
        "Raise fs.inotify.max_user_instances.")                                          \
    X("predecessor_ended", "warning", "text",                                            \
        "In an upgrade the old program ended before it gave its place to this one, "     \
        "which serves on.",                                                              \
        "Look at its last lines in the log.")                                            \
    X("refused", "by reason", "peer service reason rule detail",                         \
        "A connection was closed right after it was accepted.",                          \
        "See the end reasons below.")                                                    \
    X("reload_refused", "error", "serving reason text",                                  \
        "A reload was refused; the old generation is still served.",                     \
        "Mend the reason; `wlbproxy check` judges as the reload does.")                  \
    X("reloaded", "info", "generation workers", "All workers serve the new generation.", \
        "Nothing.")                                                                      \
    X("serving", "info",                                                                 \
        "generation service subject names serial sha256 key chain not_after",            \
        "A certificate is served from now on, once a line for each.", "Nothing.")        \
    X("signal_ignored", "info", "signal",                                                \
        "A signal came at a time when it means nothing.", "Nothing.")                    \
    X("signer_died", "error", "signer pid signal status reason",                         \
        "The signer ended although nobody asked for that.",                              \
        "It is replaced, and what workers wait for is asked again.")                     \
    X("signer_ended", "info", "signer pid", "The signer ended as it should.",            \
        "Nothing.")                                                                      \
    X("signer_gone", "warning", "text",                                                  \
        "A worker has lost its channel to the signer; handshakes wait for the next "     \
        "one.",                                                                          \
        "See signer_died; without one, the worker gets another channel in a second.")    \
    X("signer_killed", "error", "signer pid reason", "The signer hung, and was killed.", \
        "Report it if it happens again.")                                                \
    X("signer_not_started", "error", "signer reason",                                    \
        "The signer could not be started; it is tried again.",                           \
        "See the reason: memory, TasksMax.")                                             \
    X("signer_pause", "warning", "signer ms",                                            \
        "The signer died young: the next one starts after a pause.",                     \
        "Look at the lines before.")                                                     \
    X("signer_up", "info", "signer pid crypto", "The signer has started.", "Nothing.")   \
    X("start_refused", "error", "reason", "The proxy cannot start.",                     \
        "Mend the reason; `wlbproxy check` says more.")                                  \
    X("started", "info", "generation workers",                                           \
        "All workers serve the first generation.", "Nothing.")                           \
    X("starting", "info", "version pid config workers_run_as",                           \
        "The master has started.", "Nothing.")                                           \
    X("state", "debug", "conn from to", "A client changed its state.", "Nothing.")       \
    X("stopped", "info", "", "The last worker has ended, and so does the master.",       \
        "Nothing.")                                                                      \
    X("stopping_now", "warning", "",                                                     \
        "A second stop signal came: connections are closed at once.", "Nothing.")        \
    X("successor_hello", "info", "successor version",                                    \
        "The program that an upgrade started speaks with this one.", "Nothing.")         \
    X("surplus_discarded", "warning", "service backend bytes detail",                    \
        "A backend sent bytes behind the end of a reply; they are not passed on.",       \
        "Look at the backend: its framing is wrong.")                                    \
    X("ticket_keys_loaded", "info", "file rotated keys",                                 \
        "Session tickets are sealed by the current key of this file, rotated then.",     \
        "Nothing.")                                                                      \
    X("ticket_keys_not_rotated", "error", "reason",                                      \
        "New ticket keys could not be made; the old ones go on.", "Report it.")          \
    X("ticket_keys_overdue", "warning", "file rotated text",                             \
        "The shared ticket keys are older than ticket_rotation; they end a "             \
        "ticket_lifetime later, and then no session is resumed.",                        \
        "wlbproxy tickets rotate --file FILE, and copy it to the other nodes; do so by " \
        "a timer.")                                                                      \
    X("ticket_keys_refused", "error", "reason text",                                     \
        "The file of shared ticket keys cannot be used; the text says what seals.",      \
        "Mend what the reason says: it is read again when it has changed.")              \
    X("ticket_keys_rotated", "info", "reason keys",                                      \
        "New session tickets are sealed by a new key.", "Nothing.")                      \
    X("unchanged", "info", "serving text",                                               \
        "A reload found nothing that differs from what is served.", "Nothing.")          \
    X("upgrade_abandoned", "info", "successor",                                          \
        "A stop signal ended an upgrade that was under way.", "Nothing.")                \
    X("upgrade_failed", "error", "successor program reason text",                        \
        "An upgrade failed; this process goes on.",                                      \
        "Mend the reason, then wlbproxy reload, or USR2 where the file is the same.")    \
    X("upgrade_refused", "error", "reason text", "An upgrade is not possible here.",     \
        "Do what the text says.")                                                        \
    X("upgrade_running", "warning", "successor",                                         \
        "An upgrade was asked for while one is under way.", "Wait for its outcome.")     \
    X("upgraded", "info", "successor", "The new program serves; this one drains.",       \
        "Nothing.")                                                                      \
    X("upgrading", "info", "successor program",                                          \
        "The program on disk was started to take over.", "Nothing.")                     \
    X("waiting_for_port", "warning", "reason",                                           \
        "An address is in use; the start waits for it for a while.",                     \
        "Stop the process that the reason names.")                                       \
    X("watch_looked", "debug", "", "watch: the files were looked at.", "Nothing.")       \
    X("watch_polls", "info", "every_ms file reason",                                     \
        "watch: files are looked at now and then, for the kernel does not tell of "      \
        "changes.",                                                                      \
        "Nothing. The reason is the file system, or that inotify cannot be had.")        \
    X("watch_reload", "info", "text",                                                    \
        "watch: the files have changed, and a reload begins.", "Nothing.")               \
    X("worker_behind", "warning", "who generation text",                                 \
        "A worker did not come up in time for a reload; the others serve it.",           \
        "Look at the worker's own lines in the log.")                                    \
    X("worker_died", "error", "worker pid signal status reason",                         \
        "A worker ended by itself; it is replaced.",                                     \
        "Report it, with the lines before it.")                                          \
    X("worker_ended", "info", "worker pid", "A worker ended as it should.", "Nothing.")  \
    X("worker_killed", "error", "worker pid reason",                                     \
        "The master killed a worker that did not answer; it is replaced.",               \
        "Look for what kept it: CPU, memory, a stopped process.")                        \
    X("worker_not_started", "error", "worker reason",                                    \
        "A worker could not be started; the master tries again.", "Mend the reason.")    \
    X("worker_pause", "warning", "worker ms",                                            \
        "A worker keeps dying young; its next start waits.",                             \
        "Look at its own lines in the log.")                                             \
    X("worker_up", "info", "worker pid crypto",                                          \
        "A worker is ready; crypto= says who does its arithmetic.", "Nothing.")

#endif
