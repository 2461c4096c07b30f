# Written by tools/sources.sh; do not edit.

CORE_SOURCES = \
    src/base/es_abi.c \
    src/base/es_abi.h \
    src/base/es_accept.c \
    src/base/es_accept.h \
    src/base/es_base64.c \
    src/base/es_base64.h \
    src/base/es_batch.c \
    src/base/es_batch.h \
    src/base/es_buf.c \
    src/base/es_buf.h \
    src/base/es_channel.c \
    src/base/es_channel.h \
    src/base/es_chunk.c \
    src/base/es_chunk.h \
    src/base/es_context.c \
    src/base/es_context.h \
    src/base/es_cutter.c \
    src/base/es_cutter.h \
    src/base/es_decimal.h \
    src/base/es_event.c \
    src/base/es_event.h \
    src/base/es_frame.c \
    src/base/es_frame.h \
    src/base/es_id.c \
    src/base/es_id.h \
    src/base/es_json_string.c \
    src/base/es_json_string.h \
    src/base/es_json_text.c \
    src/base/es_json_text.h \
    src/base/es_lines.c \
    src/base/es_lines.h \
    src/base/es_log.c \
    src/base/es_log.h \
    src/base/es_path.c \
    src/base/es_path.h \
    src/base/es_piece.c \
    src/base/es_piece.h \
    src/base/es_problem.c \
    src/base/es_problem.h \
    src/base/es_query.c \
    src/base/es_query.h \
    src/base/es_seldom.c \
    src/base/es_seldom.h \
    src/base/es_slice.h \
    src/base/es_sse_text.c \
    src/base/es_sse_text.h \
    src/base/es_template.c \
    src/base/es_template.h \
    src/base/es_utf8.c \
    src/base/es_utf8.h \
    src/deliver/es_backlog.c \
    src/deliver/es_backlog.h \
    src/deliver/es_client.c \
    src/deliver/es_client.h \
    src/deliver/es_client_body.h \
    src/deliver/es_client_inner.h \
    src/deliver/es_client_move.c \
    src/deliver/es_clock.h \
    src/deliver/es_control.c \
    src/deliver/es_control.h \
    src/deliver/es_crew.c \
    src/deliver/es_crew.h \
    src/deliver/es_delivery.c \
    src/deliver/es_delivery.h \
    src/deliver/es_fanout.c \
    src/deliver/es_fanout.h \
    src/deliver/es_ferry.c \
    src/deliver/es_ferry.h \
    src/deliver/es_headway.c \
    src/deliver/es_headway.h \
    src/deliver/es_inbox.c \
    src/deliver/es_inbox.h \
    src/deliver/es_index.c \
    src/deliver/es_index.h \
    src/deliver/es_lifeboat.c \
    src/deliver/es_lifeboat.h \
    src/deliver/es_loop.c \
    src/deliver/es_loop.h \
    src/deliver/es_member.c \
    src/deliver/es_member.h \
    src/deliver/es_pier.c \
    src/deliver/es_pier.h \
    src/deliver/es_probe.c \
    src/deliver/es_probe.h \
    src/deliver/es_reader.c \
    src/deliver/es_reader.h \
    src/deliver/es_refuge.c \
    src/deliver/es_refuge.h \
    src/deliver/es_retreat.c \
    src/deliver/es_retreat.h \
    src/deliver/es_ring.h \
    src/deliver/es_round.c \
    src/deliver/es_round.h \
    src/deliver/es_sink.h \
    src/deliver/es_sink_socket.c \
    src/deliver/es_sink_socket.h \
    src/deliver/es_watch.c \
    src/deliver/es_watch.h \
    src/deliver/es_watch_inner.h \
    src/deliver/es_wheel.c \
    src/deliver/es_wheel.h \
    src/grip/es_grip_channel.c \
    src/grip/es_grip_channel.h \
    src/grip/es_grip_client.c \
    src/grip/es_grip_client.h \
    src/grip/es_grip_item.c \
    src/grip/es_grip_item.h \
    src/grip/es_grip_link.c \
    src/grip/es_grip_link.h \
    src/grip/es_grip_url.c \
    src/grip/es_grip_url.h \
    src/grip/es_instruct.c \
    src/grip/es_instruct.h \
    src/grip/es_jwk.c \
    src/grip/es_jwk.h \
    src/grip/es_jwt.c \
    src/grip/es_jwt.h \
    src/grip/es_key.c \
    src/grip/es_key.h \
    src/grip/es_outcome.c \
    src/grip/es_outcome.h \
    src/grip/es_pem.c \
    src/grip/es_pem.h \
    src/grip/es_proxy.c \
    src/grip/es_proxy.h \
    src/store/es_append.c \
    src/store/es_bells.c \
    src/store/es_bells.h \
    src/store/es_board.c \
    src/store/es_board.h \
    src/store/es_carry.c \
    src/store/es_carry.h \
    src/store/es_census.c \
    src/store/es_census.h \
    src/store/es_chantab.c \
    src/store/es_chantab.h \
    src/store/es_chantab_check.c \
    src/store/es_chantab_inner.h \
    src/store/es_chantab_repair.c \
    src/store/es_check.c \
    src/store/es_close.c \
    src/store/es_close.h \
    src/store/es_counts.c \
    src/store/es_counts.h \
    src/store/es_ends.c \
    src/store/es_ends.h \
    src/store/es_excerpt.c \
    src/store/es_excerpt.h \
    src/store/es_journal.c \
    src/store/es_journal.h \
    src/store/es_known.c \
    src/store/es_known.h \
    src/store/es_lasts.c \
    src/store/es_lasts.h \
    src/store/es_layout.c \
    src/store/es_layout.h \
    src/store/es_link.c \
    src/store/es_link.h \
    src/store/es_lock.c \
    src/store/es_lock.h \
    src/store/es_mailroom.c \
    src/store/es_mailroom.h \
    src/store/es_meter.c \
    src/store/es_meter.h \
    src/store/es_outbox.c \
    src/store/es_outbox.h \
    src/store/es_owntab.c \
    src/store/es_owntab.h \
    src/store/es_pace.c \
    src/store/es_pace.h \
    src/store/es_record.c \
    src/store/es_record.h \
    src/store/es_repair.c \
    src/store/es_replay.c \
    src/store/es_replay.h \
    src/store/es_resume.c \
    src/store/es_resume.h \
    src/store/es_room.c \
    src/store/es_room.h \
    src/store/es_roster.c \
    src/store/es_roster.h \
    src/store/es_shm.c \
    src/store/es_shm.h \
    src/store/es_store.c \
    src/store/es_store.h \
    src/store/es_twins.c \
    src/store/es_twins.h \
    src/store/es_view.h

MODULE_SOURCES = \
    src/glue/es_advice.c \
    src/glue/es_advice.h \
    src/glue/es_directives.c \
    src/glue/es_directives.h \
    src/glue/es_grip_setters.c \
    src/glue/es_grip_setters.h \
    src/glue/es_setters.c \
    src/glue/es_setters.h \
    src/glue/es_tokens.c \
    src/glue/es_tokens.h \
    src/http/es_api.c \
    src/http/es_api.h \
    src/http/es_body.c \
    src/http/es_body.h \
    src/http/es_body_form.c \
    src/http/es_body_form.h \
    src/http/es_body_json.c \
    src/http/es_body_json.h \
    src/http/es_body_raw.c \
    src/http/es_body_raw.h \
    src/http/es_boxes.c \
    src/http/es_boxes.h \
    src/http/es_brood.c \
    src/http/es_brood.h \
    src/http/es_budget.c \
    src/http/es_budget.h \
    src/http/es_cargo.c \
    src/http/es_cargo.h \
    src/http/es_closing.c \
    src/http/es_closing.h \
    src/http/es_cors.c \
    src/http/es_cors.h \
    src/http/es_courier.c \
    src/http/es_courier.h \
    src/http/es_detach.c \
    src/http/es_detach.h \
    src/http/es_dispatch.c \
    src/http/es_dispatch.h \
    src/http/es_entry.c \
    src/http/es_entry.h \
    src/http/es_feed.c \
    src/http/es_feed.h \
    src/http/es_figures.c \
    src/http/es_figures.h \
    src/http/es_gate.c \
    src/http/es_gate.h \
    src/http/es_grip_answer.c \
    src/http/es_grip_answer.h \
    src/http/es_grip_hold.c \
    src/http/es_grip_hold.h \
    src/http/es_hlog.h \
    src/http/es_hold.c \
    src/http/es_hold.h \
    src/http/es_hubs.c \
    src/http/es_hubs.h \
    src/http/es_hush.c \
    src/http/es_hush.h \
    src/http/es_intake.c \
    src/http/es_intake.h \
    src/http/es_items.c \
    src/http/es_items.h \
    src/http/es_json_items.c \
    src/http/es_json_items.h \
    src/http/es_mailing.c \
    src/http/es_mailing.h \
    src/http/es_memory.c \
    src/http/es_memory.h \
    src/http/es_names.c \
    src/http/es_names.h \
    src/http/es_outlet.c \
    src/http/es_outlet.h \
    src/http/es_proxied.c \
    src/http/es_proxied.h \
    src/http/es_publish.c \
    src/http/es_publish.h \
    src/http/es_publishers.c \
    src/http/es_publishers.h \
    src/http/es_recover.c \
    src/http/es_recover.h \
    src/http/es_reply.c \
    src/http/es_reply.h \
    src/http/es_route.c \
    src/http/es_route.h \
    src/http/es_service.c \
    src/http/es_service.h \
    src/http/es_settings.c \
    src/http/es_settings.h \
    src/http/es_shipment.c \
    src/http/es_shipment.h \
    src/http/es_sink_held.c \
    src/http/es_sink_held.h \
    src/http/es_status.c \
    src/http/es_status.h \
    src/http/es_stream.c \
    src/http/es_stream.h \
    src/http/es_subscribe.c \
    src/http/es_subscribe.h \
    src/http/es_tally.c \
    src/http/es_tally.h \
    src/http/es_tap.c \
    src/http/es_tap.h \
    src/http/es_tickets.c \
    src/http/es_tickets.h

UNIT_TESTS = \
    t/unit/es_abi \
    t/unit/es_accept \
    t/unit/es_backlog \
    t/unit/es_base64 \
    t/unit/es_batch \
    t/unit/es_bells \
    t/unit/es_board \
    t/unit/es_body_form \
    t/unit/es_body_json \
    t/unit/es_buf \
    t/unit/es_carry \
    t/unit/es_census \
    t/unit/es_channel \
    t/unit/es_chantab \
    t/unit/es_chunk \
    t/unit/es_client \
    t/unit/es_close \
    t/unit/es_context \
    t/unit/es_crew \
    t/unit/es_cutter \
    t/unit/es_decimal \
    t/unit/es_delivery \
    t/unit/es_event \
    t/unit/es_excerpt \
    t/unit/es_ferry \
    t/unit/es_frame \
    t/unit/es_grip_channel \
    t/unit/es_grip_client \
    t/unit/es_grip_item \
    t/unit/es_grip_link \
    t/unit/es_grip_url \
    t/unit/es_headway \
    t/unit/es_id \
    t/unit/es_inbox \
    t/unit/es_index \
    t/unit/es_instruct \
    t/unit/es_journal \
    t/unit/es_json_items \
    t/unit/es_json_string \
    t/unit/es_json_text \
    t/unit/es_jwt \
    t/unit/es_key \
    t/unit/es_known \
    t/unit/es_lasts \
    t/unit/es_lifeboat \
    t/unit/es_lines \
    t/unit/es_link \
    t/unit/es_lock \
    t/unit/es_log \
    t/unit/es_loop \
    t/unit/es_meter \
    t/unit/es_outbox \
    t/unit/es_outcome \
    t/unit/es_owntab \
    t/unit/es_pace \
    t/unit/es_path \
    t/unit/es_piece \
    t/unit/es_pier \
    t/unit/es_probe \
    t/unit/es_problem \
    t/unit/es_proxy \
    t/unit/es_query \
    t/unit/es_refuge \
    t/unit/es_repair \
    t/unit/es_replay \
    t/unit/es_resume \
    t/unit/es_retreat \
    t/unit/es_roster \
    t/unit/es_round \
    t/unit/es_seldom \
    t/unit/es_shared_steps \
    t/unit/es_slice \
    t/unit/es_sse_text \
    t/unit/es_store \
    t/unit/es_store_dates \
    t/unit/es_store_processes \
    t/unit/es_store_steps \
    t/unit/es_template \
    t/unit/es_twins \
    t/unit/es_utf8 \
    t/unit/es_wheel
t_unit_es_abi_SOURCES = t/unit/es_abi.c
t_unit_es_abi_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_abi_LDADD = $(UNIT_LIBS)
t_unit_es_accept_SOURCES = t/unit/es_accept.c
t_unit_es_accept_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_accept_LDADD = $(UNIT_LIBS)
t_unit_es_backlog_SOURCES = t/unit/es_backlog.c
t_unit_es_backlog_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_backlog_LDADD = $(UNIT_LIBS)
t_unit_es_base64_SOURCES = t/unit/es_base64.c
t_unit_es_base64_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_base64_LDADD = $(UNIT_LIBS)
t_unit_es_batch_SOURCES = t/unit/es_batch.c
t_unit_es_batch_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_batch_LDADD = $(UNIT_LIBS)
t_unit_es_bells_SOURCES = t/unit/es_bells.c
t_unit_es_bells_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_bells_LDADD = $(UNIT_LIBS)
t_unit_es_board_SOURCES = t/unit/es_board.c
t_unit_es_board_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_board_LDADD = $(UNIT_LIBS)
t_unit_es_body_form_SOURCES = t/unit/es_body_form.c
t_unit_es_body_form_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_body_form_LDADD = $(UNIT_LIBS)
t_unit_es_body_json_SOURCES = t/unit/es_body_json.c
t_unit_es_body_json_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_body_json_LDADD = $(UNIT_LIBS)
t_unit_es_buf_SOURCES = t/unit/es_buf.c
t_unit_es_buf_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_buf_LDADD = $(UNIT_LIBS)
t_unit_es_carry_SOURCES = t/unit/es_carry.c
t_unit_es_carry_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_carry_LDADD = $(UNIT_LIBS)
t_unit_es_census_SOURCES = t/unit/es_census.c
t_unit_es_census_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_census_LDADD = $(UNIT_LIBS)
t_unit_es_channel_SOURCES = t/unit/es_channel.c
t_unit_es_channel_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_channel_LDADD = $(UNIT_LIBS)
t_unit_es_chantab_SOURCES = t/unit/es_chantab.c
t_unit_es_chantab_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_chantab_LDADD = $(UNIT_LIBS)
t_unit_es_chunk_SOURCES = t/unit/es_chunk.c
t_unit_es_chunk_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_chunk_LDADD = $(UNIT_LIBS)
t_unit_es_client_SOURCES = t/unit/es_client.c
t_unit_es_client_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_client_LDADD = $(UNIT_LIBS)
t_unit_es_close_SOURCES = t/unit/es_close.c
t_unit_es_close_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_close_LDADD = $(UNIT_LIBS)
t_unit_es_context_SOURCES = t/unit/es_context.c
t_unit_es_context_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_context_LDADD = $(UNIT_LIBS)
t_unit_es_crew_SOURCES = t/unit/es_crew.c
t_unit_es_crew_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_crew_LDADD = $(UNIT_LIBS)
t_unit_es_cutter_SOURCES = t/unit/es_cutter.c
t_unit_es_cutter_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_cutter_LDADD = $(UNIT_LIBS)
t_unit_es_decimal_SOURCES = t/unit/es_decimal.c
t_unit_es_decimal_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_decimal_LDADD = $(UNIT_LIBS)
t_unit_es_delivery_SOURCES = t/unit/es_delivery.c
t_unit_es_delivery_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_delivery_LDADD = $(UNIT_LIBS)
t_unit_es_event_SOURCES = t/unit/es_event.c
t_unit_es_event_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_event_LDADD = $(UNIT_LIBS)
t_unit_es_excerpt_SOURCES = t/unit/es_excerpt.c
t_unit_es_excerpt_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_excerpt_LDADD = $(UNIT_LIBS)
t_unit_es_ferry_SOURCES = t/unit/es_ferry.c
t_unit_es_ferry_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_ferry_LDADD = $(UNIT_LIBS)
t_unit_es_frame_SOURCES = t/unit/es_frame.c
t_unit_es_frame_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_frame_LDADD = $(UNIT_LIBS)
t_unit_es_grip_channel_SOURCES = t/unit/es_grip_channel.c
t_unit_es_grip_channel_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_grip_channel_LDADD = $(UNIT_LIBS)
t_unit_es_grip_client_SOURCES = t/unit/es_grip_client.c
t_unit_es_grip_client_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_grip_client_LDADD = $(UNIT_LIBS)
t_unit_es_grip_item_SOURCES = t/unit/es_grip_item.c
t_unit_es_grip_item_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_grip_item_LDADD = $(UNIT_LIBS)
t_unit_es_grip_link_SOURCES = t/unit/es_grip_link.c
t_unit_es_grip_link_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_grip_link_LDADD = $(UNIT_LIBS)
t_unit_es_grip_url_SOURCES = t/unit/es_grip_url.c
t_unit_es_grip_url_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_grip_url_LDADD = $(UNIT_LIBS)
t_unit_es_headway_SOURCES = t/unit/es_headway.c
t_unit_es_headway_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_headway_LDADD = $(UNIT_LIBS)
t_unit_es_id_SOURCES = t/unit/es_id.c
t_unit_es_id_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_id_LDADD = $(UNIT_LIBS)
t_unit_es_inbox_SOURCES = t/unit/es_inbox.c
t_unit_es_inbox_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_inbox_LDADD = $(UNIT_LIBS)
t_unit_es_index_SOURCES = t/unit/es_index.c
t_unit_es_index_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_index_LDADD = $(UNIT_LIBS)
t_unit_es_instruct_SOURCES = t/unit/es_instruct.c
t_unit_es_instruct_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_instruct_LDADD = $(UNIT_LIBS)
t_unit_es_journal_SOURCES = t/unit/es_journal.c
t_unit_es_journal_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_journal_LDADD = $(UNIT_LIBS)
t_unit_es_json_items_SOURCES = t/unit/es_json_items.c
t_unit_es_json_items_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_json_items_LDADD = $(UNIT_LIBS)
t_unit_es_json_string_SOURCES = t/unit/es_json_string.c
t_unit_es_json_string_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_json_string_LDADD = $(UNIT_LIBS)
t_unit_es_json_text_SOURCES = t/unit/es_json_text.c
t_unit_es_json_text_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_json_text_LDADD = $(UNIT_LIBS)
t_unit_es_jwt_SOURCES = t/unit/es_jwt.c
t_unit_es_jwt_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_jwt_LDADD = $(UNIT_LIBS)
t_unit_es_key_SOURCES = t/unit/es_key.c
t_unit_es_key_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_key_LDADD = $(UNIT_LIBS)
t_unit_es_known_SOURCES = t/unit/es_known.c
t_unit_es_known_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_known_LDADD = $(UNIT_LIBS)
t_unit_es_lasts_SOURCES = t/unit/es_lasts.c
t_unit_es_lasts_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_lasts_LDADD = $(UNIT_LIBS)
t_unit_es_lifeboat_SOURCES = t/unit/es_lifeboat.c
t_unit_es_lifeboat_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_lifeboat_LDADD = $(UNIT_LIBS)
t_unit_es_lines_SOURCES = t/unit/es_lines.c
t_unit_es_lines_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_lines_LDADD = $(UNIT_LIBS)
t_unit_es_link_SOURCES = t/unit/es_link.c
t_unit_es_link_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_link_LDADD = $(UNIT_LIBS)
t_unit_es_lock_SOURCES = t/unit/es_lock.c
t_unit_es_lock_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_lock_LDADD = $(UNIT_LIBS)
t_unit_es_log_SOURCES = t/unit/es_log.c
t_unit_es_log_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_log_LDADD = $(UNIT_LIBS)
t_unit_es_loop_SOURCES = t/unit/es_loop.c
t_unit_es_loop_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_loop_LDADD = $(UNIT_LIBS)
t_unit_es_meter_SOURCES = t/unit/es_meter.c
t_unit_es_meter_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_meter_LDADD = $(UNIT_LIBS)
t_unit_es_outbox_SOURCES = t/unit/es_outbox.c
t_unit_es_outbox_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_outbox_LDADD = $(UNIT_LIBS)
t_unit_es_outcome_SOURCES = t/unit/es_outcome.c
t_unit_es_outcome_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_outcome_LDADD = $(UNIT_LIBS)
t_unit_es_owntab_SOURCES = t/unit/es_owntab.c
t_unit_es_owntab_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_owntab_LDADD = $(UNIT_LIBS)
t_unit_es_pace_SOURCES = t/unit/es_pace.c
t_unit_es_pace_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_pace_LDADD = $(UNIT_LIBS)
t_unit_es_path_SOURCES = t/unit/es_path.c
t_unit_es_path_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_path_LDADD = $(UNIT_LIBS)
t_unit_es_piece_SOURCES = t/unit/es_piece.c
t_unit_es_piece_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_piece_LDADD = $(UNIT_LIBS)
t_unit_es_pier_SOURCES = t/unit/es_pier.c
t_unit_es_pier_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_pier_LDADD = $(UNIT_LIBS)
t_unit_es_probe_SOURCES = t/unit/es_probe.c
t_unit_es_probe_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_probe_LDADD = $(UNIT_LIBS)
t_unit_es_problem_SOURCES = t/unit/es_problem.c
t_unit_es_problem_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_problem_LDADD = $(UNIT_LIBS)
t_unit_es_proxy_SOURCES = t/unit/es_proxy.c
t_unit_es_proxy_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_proxy_LDADD = $(UNIT_LIBS)
t_unit_es_query_SOURCES = t/unit/es_query.c
t_unit_es_query_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_query_LDADD = $(UNIT_LIBS)
t_unit_es_refuge_SOURCES = t/unit/es_refuge.c
t_unit_es_refuge_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_refuge_LDADD = $(UNIT_LIBS)
t_unit_es_repair_SOURCES = t/unit/es_repair.c
t_unit_es_repair_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_repair_LDADD = $(UNIT_LIBS)
t_unit_es_replay_SOURCES = t/unit/es_replay.c
t_unit_es_replay_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_replay_LDADD = $(UNIT_LIBS)
t_unit_es_resume_SOURCES = t/unit/es_resume.c
t_unit_es_resume_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_resume_LDADD = $(UNIT_LIBS)
t_unit_es_retreat_SOURCES = t/unit/es_retreat.c
t_unit_es_retreat_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_retreat_LDADD = $(UNIT_LIBS)
t_unit_es_roster_SOURCES = t/unit/es_roster.c
t_unit_es_roster_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_roster_LDADD = $(UNIT_LIBS)
t_unit_es_round_SOURCES = t/unit/es_round.c
t_unit_es_round_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_round_LDADD = $(UNIT_LIBS)
t_unit_es_seldom_SOURCES = t/unit/es_seldom.c
t_unit_es_seldom_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_seldom_LDADD = $(UNIT_LIBS)
t_unit_es_shared_steps_SOURCES = t/unit/es_shared_steps.c
t_unit_es_shared_steps_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_shared_steps_LDADD = $(UNIT_LIBS)
t_unit_es_slice_SOURCES = t/unit/es_slice.c
t_unit_es_slice_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_slice_LDADD = $(UNIT_LIBS)
t_unit_es_sse_text_SOURCES = t/unit/es_sse_text.c
t_unit_es_sse_text_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_sse_text_LDADD = $(UNIT_LIBS)
t_unit_es_store_SOURCES = t/unit/es_store.c
t_unit_es_store_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_store_LDADD = $(UNIT_LIBS)
t_unit_es_store_dates_SOURCES = t/unit/es_store_dates.c
t_unit_es_store_dates_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_store_dates_LDADD = $(UNIT_LIBS)
t_unit_es_store_processes_SOURCES = t/unit/es_store_processes.c
t_unit_es_store_processes_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_store_processes_LDADD = $(UNIT_LIBS)
t_unit_es_store_steps_SOURCES = t/unit/es_store_steps.c
t_unit_es_store_steps_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_store_steps_LDADD = $(UNIT_LIBS)
t_unit_es_template_SOURCES = t/unit/es_template.c
t_unit_es_template_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_template_LDADD = $(UNIT_LIBS)
t_unit_es_twins_SOURCES = t/unit/es_twins.c
t_unit_es_twins_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_twins_LDADD = $(UNIT_LIBS)
t_unit_es_utf8_SOURCES = t/unit/es_utf8.c
t_unit_es_utf8_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_utf8_LDADD = $(UNIT_LIBS)
t_unit_es_wheel_SOURCES = t/unit/es_wheel.c
t_unit_es_wheel_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
t_unit_es_wheel_LDADD = $(UNIT_LIBS)

SHIMS = \
    t/clock/es_clockshift.la \
    t/names/es_stuckname.la
t_clock_es_clockshift_la_SOURCES = t/clock/es_clockshift.c
t_clock_es_clockshift_la_LDFLAGS = $(SHIM_LDFLAGS)
t_names_es_stuckname_la_SOURCES = t/names/es_stuckname.c
t_names_es_stuckname_la_LDFLAGS = $(SHIM_LDFLAGS)

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
    bench/es_churn \
    bench/es_floor \
    bench/es_liar \
    bench/es_load \
    bench/es_verify
bench_es_churn_SOURCES = bench/es_churn.c bench/eb_book.c bench/eb_book.h bench/eb_client.c bench/eb_client.h bench/eb_clock.h bench/eb_crowd.c bench/eb_crowd.h bench/eb_dice.h bench/eb_fanout.c bench/eb_fanout.h bench/eb_faults.c bench/eb_faults.h bench/eb_findings.c bench/eb_findings.h bench/eb_flock.c bench/eb_flock.h bench/eb_follower.c bench/eb_follower.h bench/eb_hearing.c bench/eb_histogram.c bench/eb_histogram.h bench/eb_hold.c bench/eb_hold.h bench/eb_http.c bench/eb_http.h bench/eb_id.c bench/eb_id.h bench/eb_ledger.c bench/eb_ledger.h bench/eb_lies.c bench/eb_lies.h bench/eb_net.c bench/eb_net.h bench/eb_options.c bench/eb_options.h bench/eb_past.c bench/eb_past.h bench/eb_payload.c bench/eb_payload.h bench/eb_plan.c bench/eb_plan.h bench/eb_poster.c bench/eb_poster.h bench/eb_procs.c bench/eb_procs.h bench/eb_proof.c bench/eb_proof.h bench/eb_publisher.c bench/eb_publisher.h bench/eb_report.c bench/eb_report.h bench/eb_run.c bench/eb_run.h bench/eb_sse.c bench/eb_sse.h bench/eb_talk.c bench/eb_talk.h bench/eb_tally.h bench/eb_team.c bench/eb_team.h bench/eb_witness.c bench/eb_witness.h
bench_es_floor_SOURCES = bench/es_floor.c bench/eb_book.c bench/eb_book.h bench/eb_client.c bench/eb_client.h bench/eb_clock.h bench/eb_crowd.c bench/eb_crowd.h bench/eb_dice.h bench/eb_fanout.c bench/eb_fanout.h bench/eb_faults.c bench/eb_faults.h bench/eb_findings.c bench/eb_findings.h bench/eb_flock.c bench/eb_flock.h bench/eb_follower.c bench/eb_follower.h bench/eb_hearing.c bench/eb_histogram.c bench/eb_histogram.h bench/eb_hold.c bench/eb_hold.h bench/eb_http.c bench/eb_http.h bench/eb_id.c bench/eb_id.h bench/eb_ledger.c bench/eb_ledger.h bench/eb_lies.c bench/eb_lies.h bench/eb_net.c bench/eb_net.h bench/eb_options.c bench/eb_options.h bench/eb_past.c bench/eb_past.h bench/eb_payload.c bench/eb_payload.h bench/eb_plan.c bench/eb_plan.h bench/eb_poster.c bench/eb_poster.h bench/eb_procs.c bench/eb_procs.h bench/eb_proof.c bench/eb_proof.h bench/eb_publisher.c bench/eb_publisher.h bench/eb_report.c bench/eb_report.h bench/eb_run.c bench/eb_run.h bench/eb_sse.c bench/eb_sse.h bench/eb_talk.c bench/eb_talk.h bench/eb_tally.h bench/eb_team.c bench/eb_team.h bench/eb_witness.c bench/eb_witness.h
bench_es_liar_SOURCES = bench/es_liar.c bench/eb_book.c bench/eb_book.h bench/eb_client.c bench/eb_client.h bench/eb_clock.h bench/eb_crowd.c bench/eb_crowd.h bench/eb_dice.h bench/eb_fanout.c bench/eb_fanout.h bench/eb_faults.c bench/eb_faults.h bench/eb_findings.c bench/eb_findings.h bench/eb_flock.c bench/eb_flock.h bench/eb_follower.c bench/eb_follower.h bench/eb_hearing.c bench/eb_histogram.c bench/eb_histogram.h bench/eb_hold.c bench/eb_hold.h bench/eb_http.c bench/eb_http.h bench/eb_id.c bench/eb_id.h bench/eb_ledger.c bench/eb_ledger.h bench/eb_lies.c bench/eb_lies.h bench/eb_net.c bench/eb_net.h bench/eb_options.c bench/eb_options.h bench/eb_past.c bench/eb_past.h bench/eb_payload.c bench/eb_payload.h bench/eb_plan.c bench/eb_plan.h bench/eb_poster.c bench/eb_poster.h bench/eb_procs.c bench/eb_procs.h bench/eb_proof.c bench/eb_proof.h bench/eb_publisher.c bench/eb_publisher.h bench/eb_report.c bench/eb_report.h bench/eb_run.c bench/eb_run.h bench/eb_sse.c bench/eb_sse.h bench/eb_talk.c bench/eb_talk.h bench/eb_tally.h bench/eb_team.c bench/eb_team.h bench/eb_witness.c bench/eb_witness.h
bench_es_load_SOURCES = bench/es_load.c bench/eb_book.c bench/eb_book.h bench/eb_client.c bench/eb_client.h bench/eb_clock.h bench/eb_crowd.c bench/eb_crowd.h bench/eb_dice.h bench/eb_fanout.c bench/eb_fanout.h bench/eb_faults.c bench/eb_faults.h bench/eb_findings.c bench/eb_findings.h bench/eb_flock.c bench/eb_flock.h bench/eb_follower.c bench/eb_follower.h bench/eb_hearing.c bench/eb_histogram.c bench/eb_histogram.h bench/eb_hold.c bench/eb_hold.h bench/eb_http.c bench/eb_http.h bench/eb_id.c bench/eb_id.h bench/eb_ledger.c bench/eb_ledger.h bench/eb_lies.c bench/eb_lies.h bench/eb_net.c bench/eb_net.h bench/eb_options.c bench/eb_options.h bench/eb_past.c bench/eb_past.h bench/eb_payload.c bench/eb_payload.h bench/eb_plan.c bench/eb_plan.h bench/eb_poster.c bench/eb_poster.h bench/eb_procs.c bench/eb_procs.h bench/eb_proof.c bench/eb_proof.h bench/eb_publisher.c bench/eb_publisher.h bench/eb_report.c bench/eb_report.h bench/eb_run.c bench/eb_run.h bench/eb_sse.c bench/eb_sse.h bench/eb_talk.c bench/eb_talk.h bench/eb_tally.h bench/eb_team.c bench/eb_team.h bench/eb_witness.c bench/eb_witness.h
bench_es_verify_SOURCES = bench/es_verify.c bench/eb_book.c bench/eb_book.h bench/eb_client.c bench/eb_client.h bench/eb_clock.h bench/eb_crowd.c bench/eb_crowd.h bench/eb_dice.h bench/eb_fanout.c bench/eb_fanout.h bench/eb_faults.c bench/eb_faults.h bench/eb_findings.c bench/eb_findings.h bench/eb_flock.c bench/eb_flock.h bench/eb_follower.c bench/eb_follower.h bench/eb_hearing.c bench/eb_histogram.c bench/eb_histogram.h bench/eb_hold.c bench/eb_hold.h bench/eb_http.c bench/eb_http.h bench/eb_id.c bench/eb_id.h bench/eb_ledger.c bench/eb_ledger.h bench/eb_lies.c bench/eb_lies.h bench/eb_net.c bench/eb_net.h bench/eb_options.c bench/eb_options.h bench/eb_past.c bench/eb_past.h bench/eb_payload.c bench/eb_payload.h bench/eb_plan.c bench/eb_plan.h bench/eb_poster.c bench/eb_poster.h bench/eb_procs.c bench/eb_procs.h bench/eb_proof.c bench/eb_proof.h bench/eb_publisher.c bench/eb_publisher.h bench/eb_report.c bench/eb_report.h bench/eb_run.c bench/eb_run.h bench/eb_sse.c bench/eb_sse.h bench/eb_talk.c bench/eb_talk.h bench/eb_tally.h bench/eb_team.c bench/eb_team.h bench/eb_witness.c bench/eb_witness.h

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
    docs/adr/0006-census.md \
    docs/adr/0007-presets-late.md \
    docs/adr/0008-lifeboat.md \
    docs/adr/0009-vanished-peers.md \
    docs/adr/0010-epoch.md \
    docs/adr/0011-replay.md \
    docs/adr/0012-carrying-over.md \
    docs/adr/0013-proof.md \
    docs/adr/0015-grip-recovery.md \
    docs/adr/0018-pace.md \
    docs/adr/0019-own-ids.md \
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
    t/32-publish-gate.t \
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
    t/50-lifeboat.t \
    t/51-lifetime.t \
    t/52-carry.t \
    t/53-drain.t \
    t/54-full-boat.t \
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
    t/names/es_stuckname.c \
    t/run \
    t/run-all \
    t/unit/deliver_fixture.h \
    t/unit/grip_keys.h \
    t/unit/stepper.h \
    t/unit/store_kit.h \
    t/unit/store_witness.h \
    t/unit/unit.h \
    tools/sources.sh \
    .clang-format \
    .editorconfig \
    .ci/run \
    CHANGES \
    quickstart.sh
