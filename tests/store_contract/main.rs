//! One suite that every engine passes: the promises of `src/store/mod.rs`, one function each.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

mod accounts;
mod clock;
mod deliveries;
mod fixture;
mod maildrops;
mod maintenance;
mod nodes;
mod on_postgres;
mod others;
mod presence;
mod retention;
mod statistics;
mod steps;
mod unique_ids;
mod warnings;

macro_rules! contract {
    ($($room:ident { $($promise:ident),* $(,)? })*) => {
        mod sqlite {
            $(mod $room { $(#[test] fn $promise() { crate::fixture::on_sqlite(crate::$room::$promise) })* })*
        }
        mod memory {
            $(mod $room { $(#[test] fn $promise() { crate::fixture::on_memory(crate::$room::$promise) })* })*
        }
        mod postgres {
            $(mod $room { $(#[test] fn $promise() { crate::on_postgres::on_postgres(crate::$room::$promise) })* })*
        }
    };
}

contract! {
    maildrops {
        first_chunks_come_in_the_order_they_were_asked_for,
        a_snapshot_is_not_moved_by_what_comes_later,
        a_new_snapshot_shows_what_changed,
        reading_what_was_deleted_is_no_such_message,
        a_transfer_that_has_begun_goes_on,
        commit_deletes_what_it_names_and_nothing_else,
        commit_of_what_is_gone_is_no_error,
        a_mailbox_that_is_gone,
        a_mailbox_that_comes_back,
        read_marks_show_in_the_next_snapshot,
        sessions_and_deliveries_at_once,
    }
    deliveries {
        octets_come_back_as_they_went_in,
        an_empty_message,
        messages_that_come_together,
        lines_with_dots_are_known,
        fifty_mebibytes,
        an_upload_that_is_dropped_leaves_nothing,
        a_copy_for_each_mailbox,
        one_over_quota_does_not_touch_the_others,
        quota_counts_storage_and_deleting_makes_room,
        an_unknown_mailbox_does_not_touch_the_others,
        copies_with_lines_of_their_own,
        one_copy_of_many_goes_without_the_others,
        the_room_that_a_mailbox_has,
        an_upload_lives_as_long_as_chunks_come,
        an_upload_that_stalls_is_whole_or_refused,
        too_big_is_refused_early_and_stays_refused,
        the_greatest_size_fits,
    }
    unique_ids {
        the_same_message_twice_has_two_ids,
        ids_grow_and_are_not_given_again_after_everything_was_deleted,
        ids_go_on_when_a_mailbox_is_made_anew,
        an_imported_id_stands_in_for_the_number,
        an_imported_id_of_another_message_is_refused,
        an_imported_number_moves_the_next_uid_above_it,
        greater_numbers_move_nothing,
        a_number_that_came_as_plain_text_is_not_given_out,
        a_mailbox_at_the_end_of_its_numbers_says_so,
        imported_numbers_in_any_order,
        an_imported_id_is_not_given_again_after_its_message_was_purged,
        what_was_deleted_is_found_by_its_id,
        what_was_deleted_can_be_read_until_it_is_purged,
        a_deleted_copy_with_lines_of_its_own_can_be_read_whole,
        imported_messages_are_known_as_such,
        numbers_that_were_skipped_may_still_be_imported,
        skipping_never_goes_back_nor_opens_what_was_given,
        digits_that_are_no_number_are_plain_text,
        malformed_ids_are_refused,
    }
    accounts {
        the_first_name_that_exists,
        ascii_letters_compare_without_case_all_else_exactly,
        bad_and_taken_names_are_refused,
        a_new_password_voids_every_verifier,
        a_password_is_replaced_only_if_it_is_the_expected_one,
        a_verifier_is_added_only_to_the_password_it_was_made_from,
        an_nt_hash_is_kept_only_while_wanted,
        recipients_are_mailboxes_first_then_all_targets,
        a_principal_and_its_delegates,
        a_user_that_is_deleted_leaves_nothing,
        pending_passwords_are_the_plain_ones,
        which_verifiers_can_be_used,
        another_form_of_a_password_is_the_same_one,
        standing_follows_what_is_done,
        verifiers_of_another_key_file_go,
    }
    others {
        a_delegation_is_for_its_delegate,
        a_user_that_is_deleted_takes_nothing_of_others_along,
        a_password_that_changes_is_one_users,
        read_days_alone_reap_what_was_read,
        read_marks_that_wait_together,
    }
    steps {
        a_body_too_large_for_one_purge_step,
        a_large_body_that_was_shared,
    }
    maintenance {
        the_change_mark_moves_with_changes_from_outside_only,
        settings_that_were_set_come_back,
        retention_of_a_mailbox_and_of_all,
        exact_sizes_of_a_mailbox,
        certificates_of_names,
        purge_frees_nothing_early_and_ends,
        purge_keeps_what_somebody_else_still_has,
    }
    retention {
        read_and_unread_mail_go_by_days_of_their_own,
        days_are_inherited_zero_keeps_and_hold_suspends,
        mail_that_is_read_late_goes_at_once,
        new_days_hold_for_old_mail,
        an_open_session_still_lists_what_went,
        what_is_brought_back_begins_anew,
        age_counts_from_the_import,
        many_go_in_small_steps,
        everything_that_goes_can_be_brought_back,
        a_clock_that_jumps_deletes_nothing_early_twice_over,
    }
    clock {
        age_counts_from_the_stores_own_clock,
        mail_that_comes_while_the_clock_is_a_day_back_does_not_go_early,
        hours_with_the_clock_a_day_back_count_too,
        mail_that_comes_while_the_clock_is_a_day_ahead_goes_at_most_that_later,
        a_restart_does_not_forget_the_latest_date,
        deleted_mail_can_be_recovered_as_long_whatever_the_clock_did,
        what_the_reaper_deletes_is_dated_by_the_clock,
        imported_mail_counts_from_the_import_whatever_the_clock_did,
        read_marks_made_with_the_clock_a_day_back_age_nothing,
        a_clock_that_was_wildly_wrong_once_is_forgotten,
        received_at_is_what_the_clock_says,
        unique_ids_grow_whatever_the_clock_does,
        the_octets_of_a_mailbox_that_is_gone_stay_their_hour,
    }
    warnings {
        a_day_back_and_forth_earns_none,
        crossing_earns_one_warning_a_day,
        a_full_mailbox_takes_its_warning,
        a_mailbox_out_of_unique_ids_holds_up_nobody,
        falling_below_and_crossing_anew_earns_another,
        none_where_the_warning_is_under_half_of_the_limit,
        quotas_that_change_cross_too,
        a_clock_that_is_set_back_does_not_silence_them,
    }
    statistics {
        hours_add_up_and_old_ones_go,
        the_last_hour_is_counted_to_the_minute,
        figures_and_the_largest_mailboxes,
        the_postmaster_gets_one_mail_a_day,
    }
    presence {
        who_is_on_and_who_was,
        a_crash_leaves_nobody_on,
        who_is_dismissed_is_told,
        the_last_thousand_failures_are_kept,
        the_last_login_is_kept,
    }
}
