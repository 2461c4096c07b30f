# Written by tools/sources.sh; do not edit.

CORE_SOURCES = \
    src/base/abi.c \
    src/base/abi.h \
    src/base/accept.c \
    src/base/accept.h \
    src/base/base64.c \
    src/base/base64.h \
    src/base/batch.c \
    src/base/batch.h \
    src/base/buf.c \
    src/base/buf.h \
    src/base/channel.c \
    src/base/channel.h \
    src/base/chunk.c \
    src/base/chunk.h \
    src/base/clock.h \
    src/base/context.c \
    src/base/context.h \
    src/base/decimal.h \
    src/base/event.c \
    src/base/event.h \
    src/base/frame.c \
    src/base/frame.h \
    src/base/id.c \
    src/base/id.h \
    src/base/json_string.c \
    src/base/json_string.h \
    src/base/json_text.c \
    src/base/json_text.h \
    src/base/lines.c \
    src/base/lines.h \
    src/base/lines_split.c \
    src/base/lines_split.h \
    src/base/list.h \
    src/base/log.c \
    src/base/log.h \
    src/base/log_limit.c \
    src/base/log_limit.h \
    src/base/path.c \
    src/base/path.h \
    src/base/pattern.c \
    src/base/pattern.h \
    src/base/problem.c \
    src/base/problem.h \
    src/base/query.c \
    src/base/query.h \
    src/base/sigblock.c \
    src/base/sigblock.h \
    src/base/slice.h \
    src/base/sse_text.c \
    src/base/sse_text.h \
    src/base/template.c \
    src/base/template.h \
    src/base/utf8.c \
    src/base/utf8.h \
    src/deliver/backlog.c \
    src/deliver/backlog.h \
    src/deliver/channel_index.c \
    src/deliver/channel_index.h \
    src/deliver/client.c \
    src/deliver/client.h \
    src/deliver/client_body.h \
    src/deliver/client_priv.h \
    src/deliver/client_state.c \
    src/deliver/conn.c \
    src/deliver/conn.h \
    src/deliver/conns.c \
    src/deliver/conns.h \
    src/deliver/control_frame.c \
    src/deliver/control_frame.h \
    src/deliver/delivery.c \
    src/deliver/delivery.h \
    src/deliver/fanout.c \
    src/deliver/fanout.h \
    src/deliver/handover.c \
    src/deliver/handover.h \
    src/deliver/handover_msg.c \
    src/deliver/handover_msg.h \
    src/deliver/handover_recv.c \
    src/deliver/handover_recv.h \
    src/deliver/inbox.c \
    src/deliver/inbox.h \
    src/deliver/loop.c \
    src/deliver/loop.h \
    src/deliver/progress.c \
    src/deliver/progress.h \
    src/deliver/reader.c \
    src/deliver/reader.h \
    src/deliver/round.c \
    src/deliver/round.h \
    src/deliver/shutdown.c \
    src/deliver/shutdown.h \
    src/deliver/sink.h \
    src/deliver/sink_socket.c \
    src/deliver/sink_socket.h \
    src/deliver/successor.c \
    src/deliver/successor.h \
    src/deliver/tcp_keepalive.c \
    src/deliver/tcp_keepalive.h \
    src/deliver/timer_wheel.c \
    src/deliver/timer_wheel.h \
    src/deliver/watch.c \
    src/deliver/watch.h \
    src/deliver/watch_priv.h \
    src/grip/channel.c \
    src/grip/channel.h \
    src/grip/client.c \
    src/grip/client.h \
    src/grip/instruct.c \
    src/grip/instruct.h \
    src/grip/item.c \
    src/grip/item.h \
    src/grip/jwk.c \
    src/grip/jwk.h \
    src/grip/jwt.c \
    src/grip/jwt.h \
    src/grip/key.c \
    src/grip/key.h \
    src/grip/link.c \
    src/grip/link.h \
    src/grip/outbox.c \
    src/grip/outbox.h \
    src/grip/outbox_shm.c \
    src/grip/outbox_shm.h \
    src/grip/outcome.c \
    src/grip/outcome.h \
    src/grip/pem.c \
    src/grip/pem.h \
    src/grip/proxy.c \
    src/grip/proxy.h \
    src/grip/sender.c \
    src/grip/sender.h \
    src/grip/sender_body.c \
    src/grip/sender_body.h \
    src/grip/sender_proxy.c \
    src/grip/sender_proxy.h \
    src/grip/url.c \
    src/grip/url.h \
    src/grip/waiters.c \
    src/grip/waiters.h \
    src/journal/append.c \
    src/journal/append_known.c \
    src/journal/append_known.h \
    src/journal/batch_dups.c \
    src/journal/batch_dups.h \
    src/journal/channel_stats.c \
    src/journal/channel_stats.h \
    src/journal/channels.c \
    src/journal/channels.h \
    src/journal/channels_check.c \
    src/journal/channels_priv.h \
    src/journal/channels_repair.c \
    src/journal/check.c \
    src/journal/close.c \
    src/journal/close.h \
    src/journal/evict.c \
    src/journal/evict.h \
    src/journal/flow_control.c \
    src/journal/flow_control.h \
    src/journal/journal.c \
    src/journal/journal.h \
    src/journal/layout.c \
    src/journal/layout.h \
    src/journal/migrate.c \
    src/journal/migrate.h \
    src/journal/missed.c \
    src/journal/missed.h \
    src/journal/missed_last_ids.c \
    src/journal/missed_last_ids.h \
    src/journal/missed_link.c \
    src/journal/missed_link.h \
    src/journal/publisher_ids.c \
    src/journal/publisher_ids.h \
    src/journal/record.c \
    src/journal/record.h \
    src/journal/repair.c \
    src/journal/replay.c \
    src/journal/replay.h \
    src/journal/resume.c \
    src/journal/resume.h \
    src/journal/resume_ends.c \
    src/journal/resume_ends.h \
    src/journal/store.c \
    src/journal/store.h \
    src/journal/store_priv.h \
    src/journal/subscriptions.c \
    src/journal/subscriptions.h \
    src/shm/children.c \
    src/shm/children.h \
    src/shm/client_count.c \
    src/shm/client_count.h \
    src/shm/counters.c \
    src/shm/counters.h \
    src/shm/lock.c \
    src/shm/lock.h \
    src/shm/segment.c \
    src/shm/segment.h \
    src/shm/wakeup.c \
    src/shm/wakeup.h

MODULE_SOURCES = \
    src/config/directives.c \
    src/config/directives.h \
    src/config/grip_setters.c \
    src/config/grip_setters.h \
    src/config/setters.c \
    src/config/setters.h \
    src/config/tokens.c \
    src/config/tokens.h \
    src/config/warnings.c \
    src/config/warnings.h \
    src/http/api.c \
    src/http/api.h \
    src/http/body.c \
    src/http/body.h \
    src/http/body_form.c \
    src/http/body_form.h \
    src/http/body_items.c \
    src/http/body_items.h \
    src/http/body_json.c \
    src/http/body_json.h \
    src/http/body_raw.c \
    src/http/body_raw.h \
    src/http/body_stream.c \
    src/http/body_stream.h \
    src/http/budget.c \
    src/http/budget.h \
    src/http/channel_delete.c \
    src/http/channel_delete.h \
    src/http/channel_get.c \
    src/http/channel_get.h \
    src/http/cors.c \
    src/http/cors.h \
    src/http/detach.c \
    src/http/detach.h \
    src/http/grip_answer.c \
    src/http/grip_answer.h \
    src/http/grip_hold.c \
    src/http/grip_hold.h \
    src/http/grip_recover.c \
    src/http/grip_recover.h \
    src/http/grip_sig.c \
    src/http/grip_sig.h \
    src/http/hold.c \
    src/http/hold.h \
    src/http/publish.c \
    src/http/publish.h \
    src/http/publish_auth.c \
    src/http/publish_auth.h \
    src/http/publish_check.c \
    src/http/publish_check.h \
    src/http/publish_items.c \
    src/http/publish_items.h \
    src/http/publish_ndjson.c \
    src/http/publish_ndjson.h \
    src/http/publish_result.c \
    src/http/publish_result.h \
    src/http/publish_store.c \
    src/http/publish_store.h \
    src/http/publishers.c \
    src/http/publishers.h \
    src/http/reply.c \
    src/http/reply.h \
    src/http/request_channels.c \
    src/http/request_channels.h \
    src/http/route.c \
    src/http/route.h \
    src/http/sink_held.c \
    src/http/sink_held.h \
    src/http/status.c \
    src/http/status.h \
    src/http/stream.c \
    src/http/stream.h \
    src/http/subscribe.c \
    src/http/subscribe.h \
    src/http/subscribe_admit.c \
    src/http/subscribe_admit.h \
    src/server/child_pids.c \
    src/server/child_pids.h \
    src/server/grip_runtime.c \
    src/server/grip_runtime.h \
    src/server/hub_segments.c \
    src/server/hub_segments.h \
    src/server/log.h \
    src/server/outbox_owners.c \
    src/server/outbox_owners.h \
    src/server/retained.c \
    src/server/retained.h \
    src/server/runtime.c \
    src/server/runtime.h \
    src/server/settings.c \
    src/server/settings.h \
    src/server/stats.c \
    src/server/stats.h

UNIT_TESTS = \
    t/unit/base/abi \
    t/unit/base/accept \
    t/unit/base/base64 \
    t/unit/base/batch \
    t/unit/base/buf \
    t/unit/base/channel \
    t/unit/base/chunk \
    t/unit/base/context \
    t/unit/base/decimal \
    t/unit/base/event \
    t/unit/base/frame \
    t/unit/base/id \
    t/unit/base/json_string \
    t/unit/base/json_text \
    t/unit/base/lines \
    t/unit/base/lines_split \
    t/unit/base/log \
    t/unit/base/log_limit \
    t/unit/base/path \
    t/unit/base/pattern \
    t/unit/base/problem \
    t/unit/base/query \
    t/unit/base/slice \
    t/unit/base/sse_text \
    t/unit/base/template \
    t/unit/base/utf8 \
    t/unit/deliver/backlog \
    t/unit/deliver/channel_index \
    t/unit/deliver/client \
    t/unit/deliver/conns \
    t/unit/deliver/delivery \
    t/unit/deliver/handover \
    t/unit/deliver/handover_msg \
    t/unit/deliver/handover_recv \
    t/unit/deliver/inbox \
    t/unit/deliver/loop \
    t/unit/deliver/progress \
    t/unit/deliver/round \
    t/unit/deliver/shutdown \
    t/unit/deliver/successor \
    t/unit/deliver/tcp_keepalive \
    t/unit/deliver/timer_wheel \
    t/unit/grip/channel \
    t/unit/grip/client \
    t/unit/grip/instruct \
    t/unit/grip/item \
    t/unit/grip/jwt \
    t/unit/grip/key \
    t/unit/grip/link \
    t/unit/grip/outbox \
    t/unit/grip/outcome \
    t/unit/grip/proxy \
    t/unit/grip/url \
    t/unit/http/body_form \
    t/unit/http/body_items \
    t/unit/http/body_json \
    t/unit/journal/append_known \
    t/unit/journal/batch_dups \
    t/unit/journal/channel_stats \
    t/unit/journal/channels \
    t/unit/journal/close \
    t/unit/journal/flow_control \
    t/unit/journal/journal \
    t/unit/journal/migrate \
    t/unit/journal/missed \
    t/unit/journal/missed_last_ids \
    t/unit/journal/missed_link \
    t/unit/journal/publisher_ids \
    t/unit/journal/repair \
    t/unit/journal/replay \
    t/unit/journal/resume \
    t/unit/journal/store \
    t/unit/journal/store_dates \
    t/unit/journal/store_processes \
    t/unit/journal/store_steps \
    t/unit/shm/children \
    t/unit/shm/client_count \
    t/unit/shm/counters \
    t/unit/shm/lock \
    t/unit/shm/shared_steps \
    t/unit/shm/wakeup
t_unit_base_abi_SOURCES = t/unit/base/abi.c
t_unit_base_abi_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_base_abi_LDADD = $(UNIT_LIBS)
t_unit_base_accept_SOURCES = t/unit/base/accept.c
t_unit_base_accept_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_base_accept_LDADD = $(UNIT_LIBS)
t_unit_base_base64_SOURCES = t/unit/base/base64.c
t_unit_base_base64_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_base_base64_LDADD = $(UNIT_LIBS)
t_unit_base_batch_SOURCES = t/unit/base/batch.c
t_unit_base_batch_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_base_batch_LDADD = $(UNIT_LIBS)
t_unit_base_buf_SOURCES = t/unit/base/buf.c
t_unit_base_buf_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_base_buf_LDADD = $(UNIT_LIBS)
t_unit_base_channel_SOURCES = t/unit/base/channel.c
t_unit_base_channel_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_base_channel_LDADD = $(UNIT_LIBS)
t_unit_base_chunk_SOURCES = t/unit/base/chunk.c
t_unit_base_chunk_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_base_chunk_LDADD = $(UNIT_LIBS)
t_unit_base_context_SOURCES = t/unit/base/context.c
t_unit_base_context_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_base_context_LDADD = $(UNIT_LIBS)
t_unit_base_decimal_SOURCES = t/unit/base/decimal.c
t_unit_base_decimal_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_base_decimal_LDADD = $(UNIT_LIBS)
t_unit_base_event_SOURCES = t/unit/base/event.c
t_unit_base_event_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_base_event_LDADD = $(UNIT_LIBS)
t_unit_base_frame_SOURCES = t/unit/base/frame.c
t_unit_base_frame_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_base_frame_LDADD = $(UNIT_LIBS)
t_unit_base_id_SOURCES = t/unit/base/id.c
t_unit_base_id_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_base_id_LDADD = $(UNIT_LIBS)
t_unit_base_json_string_SOURCES = t/unit/base/json_string.c
t_unit_base_json_string_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_base_json_string_LDADD = $(UNIT_LIBS)
t_unit_base_json_text_SOURCES = t/unit/base/json_text.c
t_unit_base_json_text_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_base_json_text_LDADD = $(UNIT_LIBS)
t_unit_base_lines_SOURCES = t/unit/base/lines.c
t_unit_base_lines_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_base_lines_LDADD = $(UNIT_LIBS)
t_unit_base_lines_split_SOURCES = t/unit/base/lines_split.c
t_unit_base_lines_split_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_base_lines_split_LDADD = $(UNIT_LIBS)
t_unit_base_log_SOURCES = t/unit/base/log.c
t_unit_base_log_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_base_log_LDADD = $(UNIT_LIBS)
t_unit_base_log_limit_SOURCES = t/unit/base/log_limit.c
t_unit_base_log_limit_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_base_log_limit_LDADD = $(UNIT_LIBS)
t_unit_base_path_SOURCES = t/unit/base/path.c
t_unit_base_path_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_base_path_LDADD = $(UNIT_LIBS)
t_unit_base_pattern_SOURCES = t/unit/base/pattern.c
t_unit_base_pattern_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_base_pattern_LDADD = $(UNIT_LIBS)
t_unit_base_problem_SOURCES = t/unit/base/problem.c
t_unit_base_problem_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_base_problem_LDADD = $(UNIT_LIBS)
t_unit_base_query_SOURCES = t/unit/base/query.c
t_unit_base_query_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_base_query_LDADD = $(UNIT_LIBS)
t_unit_base_slice_SOURCES = t/unit/base/slice.c
t_unit_base_slice_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_base_slice_LDADD = $(UNIT_LIBS)
t_unit_base_sse_text_SOURCES = t/unit/base/sse_text.c
t_unit_base_sse_text_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_base_sse_text_LDADD = $(UNIT_LIBS)
t_unit_base_template_SOURCES = t/unit/base/template.c
t_unit_base_template_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_base_template_LDADD = $(UNIT_LIBS)
t_unit_base_utf8_SOURCES = t/unit/base/utf8.c
t_unit_base_utf8_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_base_utf8_LDADD = $(UNIT_LIBS)
t_unit_deliver_backlog_SOURCES = t/unit/deliver/backlog.c
t_unit_deliver_backlog_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_deliver_backlog_LDADD = $(UNIT_LIBS)
t_unit_deliver_channel_index_SOURCES = t/unit/deliver/channel_index.c
t_unit_deliver_channel_index_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_deliver_channel_index_LDADD = $(UNIT_LIBS)
t_unit_deliver_client_SOURCES = t/unit/deliver/client.c
t_unit_deliver_client_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_deliver_client_LDADD = $(UNIT_LIBS)
t_unit_deliver_conns_SOURCES = t/unit/deliver/conns.c
t_unit_deliver_conns_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_deliver_conns_LDADD = $(UNIT_LIBS)
t_unit_deliver_delivery_SOURCES = t/unit/deliver/delivery.c
t_unit_deliver_delivery_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_deliver_delivery_LDADD = $(UNIT_LIBS)
t_unit_deliver_handover_SOURCES = t/unit/deliver/handover.c
t_unit_deliver_handover_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_deliver_handover_LDADD = $(UNIT_LIBS)
t_unit_deliver_handover_msg_SOURCES = t/unit/deliver/handover_msg.c
t_unit_deliver_handover_msg_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_deliver_handover_msg_LDADD = $(UNIT_LIBS)
t_unit_deliver_handover_recv_SOURCES = t/unit/deliver/handover_recv.c
t_unit_deliver_handover_recv_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_deliver_handover_recv_LDADD = $(UNIT_LIBS)
t_unit_deliver_inbox_SOURCES = t/unit/deliver/inbox.c
t_unit_deliver_inbox_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_deliver_inbox_LDADD = $(UNIT_LIBS)
t_unit_deliver_loop_SOURCES = t/unit/deliver/loop.c
t_unit_deliver_loop_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_deliver_loop_LDADD = $(UNIT_LIBS)
t_unit_deliver_progress_SOURCES = t/unit/deliver/progress.c
t_unit_deliver_progress_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_deliver_progress_LDADD = $(UNIT_LIBS)
t_unit_deliver_round_SOURCES = t/unit/deliver/round.c
t_unit_deliver_round_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_deliver_round_LDADD = $(UNIT_LIBS)
t_unit_deliver_shutdown_SOURCES = t/unit/deliver/shutdown.c
t_unit_deliver_shutdown_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_deliver_shutdown_LDADD = $(UNIT_LIBS)
t_unit_deliver_successor_SOURCES = t/unit/deliver/successor.c
t_unit_deliver_successor_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_deliver_successor_LDADD = $(UNIT_LIBS)
t_unit_deliver_tcp_keepalive_SOURCES = t/unit/deliver/tcp_keepalive.c
t_unit_deliver_tcp_keepalive_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_deliver_tcp_keepalive_LDADD = $(UNIT_LIBS)
t_unit_deliver_timer_wheel_SOURCES = t/unit/deliver/timer_wheel.c
t_unit_deliver_timer_wheel_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_deliver_timer_wheel_LDADD = $(UNIT_LIBS)
t_unit_grip_channel_SOURCES = t/unit/grip/channel.c
t_unit_grip_channel_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_grip_channel_LDADD = $(UNIT_LIBS)
t_unit_grip_client_SOURCES = t/unit/grip/client.c
t_unit_grip_client_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_grip_client_LDADD = $(UNIT_LIBS)
t_unit_grip_instruct_SOURCES = t/unit/grip/instruct.c
t_unit_grip_instruct_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_grip_instruct_LDADD = $(UNIT_LIBS)
t_unit_grip_item_SOURCES = t/unit/grip/item.c
t_unit_grip_item_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_grip_item_LDADD = $(UNIT_LIBS)
t_unit_grip_jwt_SOURCES = t/unit/grip/jwt.c
t_unit_grip_jwt_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_grip_jwt_LDADD = $(UNIT_LIBS)
t_unit_grip_key_SOURCES = t/unit/grip/key.c
t_unit_grip_key_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_grip_key_LDADD = $(UNIT_LIBS)
t_unit_grip_link_SOURCES = t/unit/grip/link.c
t_unit_grip_link_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_grip_link_LDADD = $(UNIT_LIBS)
t_unit_grip_outbox_SOURCES = t/unit/grip/outbox.c
t_unit_grip_outbox_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_grip_outbox_LDADD = $(UNIT_LIBS)
t_unit_grip_outcome_SOURCES = t/unit/grip/outcome.c
t_unit_grip_outcome_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_grip_outcome_LDADD = $(UNIT_LIBS)
t_unit_grip_proxy_SOURCES = t/unit/grip/proxy.c
t_unit_grip_proxy_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_grip_proxy_LDADD = $(UNIT_LIBS)
t_unit_grip_url_SOURCES = t/unit/grip/url.c
t_unit_grip_url_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_grip_url_LDADD = $(UNIT_LIBS)
t_unit_http_body_form_SOURCES = t/unit/http/body_form.c
t_unit_http_body_form_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_http_body_form_LDADD = $(UNIT_LIBS)
t_unit_http_body_items_SOURCES = t/unit/http/body_items.c
t_unit_http_body_items_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_http_body_items_LDADD = $(UNIT_LIBS)
t_unit_http_body_json_SOURCES = t/unit/http/body_json.c
t_unit_http_body_json_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_http_body_json_LDADD = $(UNIT_LIBS)
t_unit_journal_append_known_SOURCES = t/unit/journal/append_known.c
t_unit_journal_append_known_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_journal_append_known_LDADD = $(UNIT_LIBS)
t_unit_journal_batch_dups_SOURCES = t/unit/journal/batch_dups.c
t_unit_journal_batch_dups_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_journal_batch_dups_LDADD = $(UNIT_LIBS)
t_unit_journal_channel_stats_SOURCES = t/unit/journal/channel_stats.c
t_unit_journal_channel_stats_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_journal_channel_stats_LDADD = $(UNIT_LIBS)
t_unit_journal_channels_SOURCES = t/unit/journal/channels.c
t_unit_journal_channels_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_journal_channels_LDADD = $(UNIT_LIBS)
t_unit_journal_close_SOURCES = t/unit/journal/close.c
t_unit_journal_close_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_journal_close_LDADD = $(UNIT_LIBS)
t_unit_journal_flow_control_SOURCES = t/unit/journal/flow_control.c
t_unit_journal_flow_control_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_journal_flow_control_LDADD = $(UNIT_LIBS)
t_unit_journal_journal_SOURCES = t/unit/journal/journal.c
t_unit_journal_journal_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_journal_journal_LDADD = $(UNIT_LIBS)
t_unit_journal_migrate_SOURCES = t/unit/journal/migrate.c
t_unit_journal_migrate_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_journal_migrate_LDADD = $(UNIT_LIBS)
t_unit_journal_missed_SOURCES = t/unit/journal/missed.c
t_unit_journal_missed_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_journal_missed_LDADD = $(UNIT_LIBS)
t_unit_journal_missed_last_ids_SOURCES = t/unit/journal/missed_last_ids.c
t_unit_journal_missed_last_ids_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_journal_missed_last_ids_LDADD = $(UNIT_LIBS)
t_unit_journal_missed_link_SOURCES = t/unit/journal/missed_link.c
t_unit_journal_missed_link_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_journal_missed_link_LDADD = $(UNIT_LIBS)
t_unit_journal_publisher_ids_SOURCES = t/unit/journal/publisher_ids.c
t_unit_journal_publisher_ids_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_journal_publisher_ids_LDADD = $(UNIT_LIBS)
t_unit_journal_repair_SOURCES = t/unit/journal/repair.c
t_unit_journal_repair_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_journal_repair_LDADD = $(UNIT_LIBS)
t_unit_journal_replay_SOURCES = t/unit/journal/replay.c
t_unit_journal_replay_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_journal_replay_LDADD = $(UNIT_LIBS)
t_unit_journal_resume_SOURCES = t/unit/journal/resume.c
t_unit_journal_resume_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_journal_resume_LDADD = $(UNIT_LIBS)
t_unit_journal_store_SOURCES = t/unit/journal/store.c
t_unit_journal_store_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_journal_store_LDADD = $(UNIT_LIBS)
t_unit_journal_store_dates_SOURCES = t/unit/journal/store_dates.c
t_unit_journal_store_dates_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_journal_store_dates_LDADD = $(UNIT_LIBS)
t_unit_journal_store_processes_SOURCES = t/unit/journal/store_processes.c
t_unit_journal_store_processes_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_journal_store_processes_LDADD = $(UNIT_LIBS)
t_unit_journal_store_steps_SOURCES = t/unit/journal/store_steps.c
t_unit_journal_store_steps_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_journal_store_steps_LDADD = $(UNIT_LIBS)
t_unit_shm_children_SOURCES = t/unit/shm/children.c
t_unit_shm_children_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_shm_children_LDADD = $(UNIT_LIBS)
t_unit_shm_client_count_SOURCES = t/unit/shm/client_count.c
t_unit_shm_client_count_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_shm_client_count_LDADD = $(UNIT_LIBS)
t_unit_shm_counters_SOURCES = t/unit/shm/counters.c
t_unit_shm_counters_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_shm_counters_LDADD = $(UNIT_LIBS)
t_unit_shm_lock_SOURCES = t/unit/shm/lock.c
t_unit_shm_lock_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_shm_lock_LDADD = $(UNIT_LIBS)
t_unit_shm_shared_steps_SOURCES = t/unit/shm/shared_steps.c
t_unit_shm_shared_steps_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_shm_shared_steps_LDADD = $(UNIT_LIBS)
t_unit_shm_wakeup_SOURCES = t/unit/shm/wakeup.c
t_unit_shm_wakeup_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_shm_wakeup_LDADD = $(UNIT_LIBS)

SHIMS = \
    t/clock/clockshift.la \
    t/names/stuckname.la
t_clock_clockshift_la_SOURCES = t/clock/clockshift.c
t_clock_clockshift_la_LDFLAGS = $(SHIM_LDFLAGS)
t_names_stuckname_la_SOURCES = t/names/stuckname.c
t_names_stuckname_la_LDFLAGS = $(SHIM_LDFLAGS)

FUZZ_TARGETS = \
    t/fuzz/fuzz_accept \
    t/fuzz/fuzz_channel \
    t/fuzz/fuzz_form \
    t/fuzz/fuzz_grip \
    t/fuzz/fuzz_id \
    t/fuzz/fuzz_items \
    t/fuzz/fuzz_json \
    t/fuzz/fuzz_ndjson \
    t/fuzz/fuzz_path \
    t/fuzz/fuzz_piece \
    t/fuzz/fuzz_query \
    t/fuzz/fuzz_sse \
    t/fuzz/fuzz_template \
    t/fuzz/fuzz_utf8
t_fuzz_fuzz_accept_SOURCES = t/fuzz/fuzz_accept.c t/fuzz/fuzz.h t/fuzz/fuzz_event.h t/fuzz/replay.c
t_fuzz_fuzz_accept_LDADD = $(FUZZ_LIBS)
t_fuzz_fuzz_channel_SOURCES = t/fuzz/fuzz_channel.c t/fuzz/fuzz.h t/fuzz/fuzz_event.h t/fuzz/replay.c
t_fuzz_fuzz_channel_LDADD = $(FUZZ_LIBS)
t_fuzz_fuzz_form_SOURCES = t/fuzz/fuzz_form.c t/fuzz/fuzz.h t/fuzz/fuzz_event.h t/fuzz/replay.c
t_fuzz_fuzz_form_LDADD = $(FUZZ_LIBS)
t_fuzz_fuzz_grip_SOURCES = t/fuzz/fuzz_grip.c t/fuzz/fuzz.h t/fuzz/fuzz_event.h t/fuzz/replay.c
t_fuzz_fuzz_grip_LDADD = $(FUZZ_LIBS)
t_fuzz_fuzz_id_SOURCES = t/fuzz/fuzz_id.c t/fuzz/fuzz.h t/fuzz/fuzz_event.h t/fuzz/replay.c
t_fuzz_fuzz_id_LDADD = $(FUZZ_LIBS)
t_fuzz_fuzz_items_SOURCES = t/fuzz/fuzz_items.c t/fuzz/fuzz.h t/fuzz/fuzz_event.h t/fuzz/replay.c
t_fuzz_fuzz_items_LDADD = $(FUZZ_LIBS)
t_fuzz_fuzz_json_SOURCES = t/fuzz/fuzz_json.c t/fuzz/fuzz.h t/fuzz/fuzz_event.h t/fuzz/replay.c
t_fuzz_fuzz_json_LDADD = $(FUZZ_LIBS)
t_fuzz_fuzz_ndjson_SOURCES = t/fuzz/fuzz_ndjson.c t/fuzz/fuzz.h t/fuzz/fuzz_event.h t/fuzz/replay.c
t_fuzz_fuzz_ndjson_LDADD = $(FUZZ_LIBS)
t_fuzz_fuzz_path_SOURCES = t/fuzz/fuzz_path.c t/fuzz/fuzz.h t/fuzz/fuzz_event.h t/fuzz/replay.c
t_fuzz_fuzz_path_LDADD = $(FUZZ_LIBS)
t_fuzz_fuzz_piece_SOURCES = t/fuzz/fuzz_piece.c t/fuzz/fuzz.h t/fuzz/fuzz_event.h t/fuzz/replay.c
t_fuzz_fuzz_piece_LDADD = $(FUZZ_LIBS)
t_fuzz_fuzz_query_SOURCES = t/fuzz/fuzz_query.c t/fuzz/fuzz.h t/fuzz/fuzz_event.h t/fuzz/replay.c
t_fuzz_fuzz_query_LDADD = $(FUZZ_LIBS)
t_fuzz_fuzz_sse_SOURCES = t/fuzz/fuzz_sse.c t/fuzz/fuzz.h t/fuzz/fuzz_event.h t/fuzz/replay.c
t_fuzz_fuzz_sse_LDADD = $(FUZZ_LIBS)
t_fuzz_fuzz_template_SOURCES = t/fuzz/fuzz_template.c t/fuzz/fuzz.h t/fuzz/fuzz_event.h t/fuzz/replay.c
t_fuzz_fuzz_template_LDADD = $(FUZZ_LIBS)
t_fuzz_fuzz_utf8_SOURCES = t/fuzz/fuzz_utf8.c t/fuzz/fuzz.h t/fuzz/fuzz_event.h t/fuzz/replay.c
t_fuzz_fuzz_utf8_LDADD = $(FUZZ_LIBS)

BENCHES = \
    bench/baseline \
    bench/churn \
    bench/faulty_server \
    bench/load \
    bench/verify
bench_baseline_SOURCES = bench/baseline.c bench/channel_log.c bench/channel_log.h bench/check_event.c bench/checksum.c bench/checksum.h bench/client.c bench/client.h bench/clock.h bench/counts.h bench/errors.c bench/errors.h bench/fanout.c bench/fanout.h bench/follower.c bench/follower.h bench/followers.c bench/followers.h bench/gaps.c bench/gaps.h bench/held_bytes.c bench/held_bytes.h bench/histogram.c bench/histogram.h bench/http.c bench/http.h bench/id.c bench/id.h bench/id_index.c bench/id_index.h bench/load_options.c bench/load_options.h bench/mistakes.c bench/mistakes.h bench/net.c bench/net.h bench/payload.c bench/payload.h bench/poster.c bench/poster.h bench/procs.c bench/procs.h bench/publisher.c bench/publisher.h bench/random.h bench/readers.c bench/readers.h bench/received.c bench/received.h bench/report.c bench/report.h bench/run.c bench/run.h bench/sse.c bench/sse.h bench/stream_faults.c bench/stream_faults.h bench/stream_out.c bench/stream_out.h bench/subscribers.c bench/subscribers.h bench/verify_options.c bench/verify_options.h
bench_churn_SOURCES = bench/churn.c bench/channel_log.c bench/channel_log.h bench/check_event.c bench/checksum.c bench/checksum.h bench/client.c bench/client.h bench/clock.h bench/counts.h bench/errors.c bench/errors.h bench/fanout.c bench/fanout.h bench/follower.c bench/follower.h bench/followers.c bench/followers.h bench/gaps.c bench/gaps.h bench/held_bytes.c bench/held_bytes.h bench/histogram.c bench/histogram.h bench/http.c bench/http.h bench/id.c bench/id.h bench/id_index.c bench/id_index.h bench/load_options.c bench/load_options.h bench/mistakes.c bench/mistakes.h bench/net.c bench/net.h bench/payload.c bench/payload.h bench/poster.c bench/poster.h bench/procs.c bench/procs.h bench/publisher.c bench/publisher.h bench/random.h bench/readers.c bench/readers.h bench/received.c bench/received.h bench/report.c bench/report.h bench/run.c bench/run.h bench/sse.c bench/sse.h bench/stream_faults.c bench/stream_faults.h bench/stream_out.c bench/stream_out.h bench/subscribers.c bench/subscribers.h bench/verify_options.c bench/verify_options.h
bench_faulty_server_SOURCES = bench/faulty_server.c bench/channel_log.c bench/channel_log.h bench/check_event.c bench/checksum.c bench/checksum.h bench/client.c bench/client.h bench/clock.h bench/counts.h bench/errors.c bench/errors.h bench/fanout.c bench/fanout.h bench/follower.c bench/follower.h bench/followers.c bench/followers.h bench/gaps.c bench/gaps.h bench/held_bytes.c bench/held_bytes.h bench/histogram.c bench/histogram.h bench/http.c bench/http.h bench/id.c bench/id.h bench/id_index.c bench/id_index.h bench/load_options.c bench/load_options.h bench/mistakes.c bench/mistakes.h bench/net.c bench/net.h bench/payload.c bench/payload.h bench/poster.c bench/poster.h bench/procs.c bench/procs.h bench/publisher.c bench/publisher.h bench/random.h bench/readers.c bench/readers.h bench/received.c bench/received.h bench/report.c bench/report.h bench/run.c bench/run.h bench/sse.c bench/sse.h bench/stream_faults.c bench/stream_faults.h bench/stream_out.c bench/stream_out.h bench/subscribers.c bench/subscribers.h bench/verify_options.c bench/verify_options.h
bench_load_SOURCES = bench/load.c bench/channel_log.c bench/channel_log.h bench/check_event.c bench/checksum.c bench/checksum.h bench/client.c bench/client.h bench/clock.h bench/counts.h bench/errors.c bench/errors.h bench/fanout.c bench/fanout.h bench/follower.c bench/follower.h bench/followers.c bench/followers.h bench/gaps.c bench/gaps.h bench/held_bytes.c bench/held_bytes.h bench/histogram.c bench/histogram.h bench/http.c bench/http.h bench/id.c bench/id.h bench/id_index.c bench/id_index.h bench/load_options.c bench/load_options.h bench/mistakes.c bench/mistakes.h bench/net.c bench/net.h bench/payload.c bench/payload.h bench/poster.c bench/poster.h bench/procs.c bench/procs.h bench/publisher.c bench/publisher.h bench/random.h bench/readers.c bench/readers.h bench/received.c bench/received.h bench/report.c bench/report.h bench/run.c bench/run.h bench/sse.c bench/sse.h bench/stream_faults.c bench/stream_faults.h bench/stream_out.c bench/stream_out.h bench/subscribers.c bench/subscribers.h bench/verify_options.c bench/verify_options.h
bench_verify_SOURCES = bench/verify.c bench/channel_log.c bench/channel_log.h bench/check_event.c bench/checksum.c bench/checksum.h bench/client.c bench/client.h bench/clock.h bench/counts.h bench/errors.c bench/errors.h bench/fanout.c bench/fanout.h bench/follower.c bench/follower.h bench/followers.c bench/followers.h bench/gaps.c bench/gaps.h bench/held_bytes.c bench/held_bytes.h bench/histogram.c bench/histogram.h bench/http.c bench/http.h bench/id.c bench/id.h bench/id_index.c bench/id_index.h bench/load_options.c bench/load_options.h bench/mistakes.c bench/mistakes.h bench/net.c bench/net.h bench/payload.c bench/payload.h bench/poster.c bench/poster.h bench/procs.c bench/procs.h bench/publisher.c bench/publisher.h bench/random.h bench/readers.c bench/readers.h bench/received.c bench/received.h bench/report.c bench/report.h bench/run.c bench/run.h bench/sse.c bench/sse.h bench/stream_faults.c bench/stream_faults.h bench/stream_out.c bench/stream_out.h bench/subscribers.c bench/subscribers.h bench/verify_options.c bench/verify_options.h

DIST_FILES = \
    bench/README \
    bench/bare.sh \
    bench/check-soak.sh \
    bench/churn.sh \
    bench/feed.sh \
    bench/httpd.sh \
    bench/run.sh \
    bench/selftest.sh \
    bench/shell.sh \
    bench/slow.sh \
    bench/soak.sh \
    conf/demo.conf.in \
    conf/pushpin/fastly.conf \
    conf/pushpin/fastly.jwk \
    conf/pushpin/httpd.conf \
    conf/pushpin/pushpin.conf \
    conf/pushpin/routes \
    conf/pushpin/two.conf \
    demo/app.js \
    demo/auto.js \
    demo/favicon.svg \
    demo/feed.js \
    demo/index.html \
    demo/meter.js \
    demo/page.js \
    demo/publish.js \
    demo/rooms.js \
    demo/shell.js \
    demo/stream.js \
    demo/style.css \
    docs/adr/0001-one-ring.md \
    docs/adr/0002-robust-mutex.md \
    docs/adr/0003-detach.md \
    docs/adr/0004-private-copy.md \
    docs/adr/0005-held-and-turns.md \
    docs/adr/0006-client-count.md \
    docs/adr/0007-presets-late.md \
    docs/adr/0008-lifeboat.md \
    docs/adr/0009-vanished-peers.md \
    docs/adr/0010-epoch.md \
    docs/adr/0011-replay.md \
    docs/adr/0012-migrate.md \
    docs/adr/0013-end-to-end-check.md \
    docs/adr/0015-grip-recovery.md \
    docs/adr/0018-flow-control.md \
    docs/adr/0019-publisher-ids.md \
    docs/adr/0020-closing-a-channel.md \
    docs/adr/0021-functions-for-other-modules.md \
    docs/adr/0022-one-sender.md \
    docs/directives.md \
    docs/grip.md \
    docs/invoking.md \
    docs/messages.md \
    docs/publishing.md \
    docs/reliability.md \
    docs/threads.md \
    t/00-directives.t \
    t/00-format.t \
    t/00-layers.t \
    t/00-sources.t \
    t/00-symbols.t \
    t/00-tags.t \
    t/01-lib.t \
    t/02-fuzz.t \
    t/10-subscribe.t \
    t/11-bad-input.t \
    t/12-templates.t \
    t/13-route.t \
    t/14-hubs.t \
    t/15-limits.t \
    t/16-mpms.t \
    t/18-invoke.t \
    t/20-resume.t \
    t/21-replay.t \
    t/30-publish-json.t \
    t/31-publish-raw.t \
    t/32-publish-auth.t \
    t/33-cors.t \
    t/34-ndjson.t \
    t/34-publish-ids.t \
    t/35-backpressure.t \
    t/35-channel-control.t \
    t/36-grip-items.t \
    t/37-capi.t \
    t/38-bad-publish.t \
    t/38-snippets.t \
    t/39-status.t \
    t/40-detach.t \
    t/41-slow.t \
    t/42-stop.t \
    t/43-kill.t \
    t/44-tls.t \
    t/45-h2.t \
    t/46-prefork-tls.t \
    t/47-vanish.t \
    t/50-handover.t \
    t/51-lifetime.t \
    t/52-migrate.t \
    t/53-drain.t \
    t/54-handover-full.t \
    t/55-held-resume.t \
    t/60-verifier.t \
    t/61-descriptors.t \
    t/62-clock.t \
    t/63-soak.t \
    t/70-demo.t \
    t/71-eventsource.t \
    t/72-demo-grip.t \
    t/72-grip-libraries.t \
    t/73-closed.t \
    t/80-grip-config.t \
    t/80-grip-hold.t \
    t/81-pushpin-hold.t \
    t/82-grip-library.t \
    t/83-grip-recover.t \
    t/84-pushpin-reliable.t \
    t/85-pushpin-keys.t \
    t/86-grip-publish.t \
    t/86-grip-samples.t \
    t/87-grip-order.t \
    t/87-grip-sources.t \
    t/88-grip-pushpin.t \
    t/88-grip-restarts.t \
    t/89-grip-many.t \
    t/90-bug-01.t \
    t/90-bug-02.t \
    t/90-bug-03.t \
    t/browser/Driver.pm \
    t/browser/closed.mjs \
    t/browser/common.mjs \
    t/browser/demo.mjs \
    t/browser/eventsource.mjs \
    t/browser/grip-libraries.mjs \
    t/browser/grip-library.mjs \
    t/browser/package-lock.json \
    t/browser/package.json \
    t/build.conf.in \
    t/fuzz/README \
    t/fuzz/build.sh \
    t/fuzz/seeds/accept/browser \
    t/fuzz/seeds/accept/excluded \
    t/fuzz/seeds/accept/strange \
    t/fuzz/seeds/accept/stream \
    t/fuzz/seeds/channel/control \
    t/fuzz/seeds/channel/escape \
    t/fuzz/seeds/channel/long \
    t/fuzz/seeds/channel/stars \
    t/fuzz/seeds/channel/worst \
    t/fuzz/seeds/form/form \
    t/fuzz/seeds/form/other-words \
    t/fuzz/seeds/form/percent \
    t/fuzz/seeds/grip/expired \
    t/fuzz/seeds/grip/good \
    t/fuzz/seeds/grip/jwk \
    t/fuzz/seeds/grip/none \
    t/fuzz/seeds/grip/url \
    t/fuzz/seeds/id/beyond \
    t/fuzz/seeds/id/large \
    t/fuzz/seeds/id/leading \
    t/fuzz/seeds/id/not \
    t/fuzz/seeds/id/ours \
    t/fuzz/seeds/id/zero \
    t/fuzz/seeds/items/bin \
    t/fuzz/seeds/items/close \
    t/fuzz/seeds/items/none \
    t/fuzz/seeds/items/partial \
    t/fuzz/seeds/items/stream \
    t/fuzz/seeds/json/cut \
    t/fuzz/seeds/json/deep \
    t/fuzz/seeds/json/event \
    t/fuzz/seeds/json/large-number \
    t/fuzz/seeds/json/list \
    t/fuzz/seeds/json/lone-surrogate \
    t/fuzz/seeds/json/nul \
    t/fuzz/seeds/json/rubbish-behind \
    t/fuzz/seeds/json/text \
    t/fuzz/seeds/json/twice \
    t/fuzz/seeds/json/utf8 \
    t/fuzz/seeds/ndjson/bytewise \
    t/fuzz/seeds/ndjson/cr \
    t/fuzz/seeds/ndjson/lines \
    t/fuzz/seeds/ndjson/long \
    t/fuzz/seeds/path/braces \
    t/fuzz/seeds/path/dash \
    t/fuzz/seeds/path/no \
    t/fuzz/seeds/path/touch \
    t/fuzz/seeds/path/two \
    t/fuzz/seeds/piece/all \
    t/fuzz/seeds/piece/nested \
    t/fuzz/seeds/piece/open \
    t/fuzz/seeds/piece/quote \
    t/fuzz/seeds/piece/stray-byte \
    t/fuzz/seeds/piece/utf8 \
    t/fuzz/seeds/query/ends \
    t/fuzz/seeds/query/numbers \
    t/fuzz/seeds/query/percent \
    t/fuzz/seeds/query/values \
    t/fuzz/seeds/sse/bom \
    t/fuzz/seeds/sse/cut \
    t/fuzz/seeds/sse/ends \
    t/fuzz/seeds/sse/events \
    t/fuzz/seeds/sse/id-only \
    t/fuzz/seeds/template/all \
    t/fuzz/seeds/template/bad-expression \
    t/fuzz/seeds/template/blank \
    t/fuzz/seeds/template/braces \
    t/fuzz/seeds/template/expression \
    t/fuzz/seeds/template/open \
    t/fuzz/seeds/template/query \
    t/fuzz/seeds/utf8/all \
    t/fuzz/seeds/utf8/beyond \
    t/fuzz/seeds/utf8/cut \
    t/fuzz/seeds/utf8/end \
    t/fuzz/seeds/utf8/overlong \
    t/fuzz/seeds/utf8/surrogate \
    t/lib/EventStream/Again.pm \
    t/lib/EventStream/Beside.pm \
    t/lib/EventStream/Cable.pm \
    t/lib/EventStream/Client.pm \
    t/lib/EventStream/Clock.pm \
    t/lib/EventStream/FakeProxy.pm \
    t/lib/EventStream/Httpd.pm \
    t/lib/EventStream/Load.pm \
    t/lib/EventStream/Pushpin.pm \
    t/lib/EventStream/Snippets.pm \
    t/lib/EventStream/Source.pm \
    t/names/stuckname.c \
    t/run \
    t/run-all \
    t/unit/deliver_fixture.h \
    t/unit/grip_keys.h \
    t/unit/stepper.h \
    t/unit/store_kit.h \
    t/unit/store_reader.h \
    t/unit/unit.h \
    tools/sources.sh \
    .clang-format \
    .editorconfig \
    .ci/run \
    CHANGES \
    quickstart.sh
