//! Accounts: who people are, and how they prove it. The language of these tables is in
//! `accounts/script.rs`.

mod script;

use script::check;

#[test]
fn a_login_has_one_account() {
    check(
        "register",
        "
        ann registers               => password 1; sessions 1.0 until 3600
        ann registers               => no: an account with this login exists
        ann registers as 9          => no: an account with this login exists
        ben registers as ann        => no: there is no room for another account
        ben registers agreeing v2   => password 1; sessions 1.0 until 3600; agreed v2 at 0
        ? cid                       => no: no such account
        ann found                   => again: password 1; sessions 1.0 until 3600
        cid found                   => no: no such account
        ",
    );
}

#[test]
fn a_session_lives_while_it_is_renewed() {
    check(
        "renewed",
        "
        ann registers
        @3599 ann refreshes 1.0     => password 1; sessions 1.1 until 7199
        @7198 ann refreshes 1.1     => password 1; sessions 1.2 until 10798
        @10798 ann refreshes 1.2    => no: no such session
        ann logs in                 => password 1; sessions 2.0 until 14398
        ",
    );
    check(
        "what was never given out",
        "
        ann registers
        ann refreshes 2.0           => no: no such session
        ann refreshes 1.1           => no: no such session
        ann refreshes 1.0 forged    => no: no such session
        cid refreshes 1.0           => no: no such account
        ? ann                       => password 1; sessions 1.0 until 3600
        ",
    );
}

#[test]
fn a_token_that_was_replaced_ends_its_session() {
    check(
        "reuse",
        "
        ann registers
        ann logs in
        @5 ann refreshes 1.0        => password 1; sessions 1.1 until 3605, 2.0 until 3600
        @16 ann refreshes 1.0       => no: the refresh token was used before; its session has ended
        ? ann                       => password 1; sessions 2.0 until 3600
        # The thief and the owner are both out: nobody can tell them apart.
        ann refreshes 1.1           => no: no such session
        ann refreshes 2.0           => password 1; sessions 2.1 until 3616
        ",
    );
    check(
        "a token of two generations ago is never a repeat",
        "
        ann registers
        ann refreshes 1.0
        ann refreshes 1.1
        ann refreshes 1.0           => no: the refresh token was used before; its session has ended
        ? ann                       => password 1; no sessions
        ",
    );
}

#[test]
fn an_answer_that_was_lost_is_given_again_for_a_while() {
    check(
        "repeat",
        "
        ann registers
        @5 ann refreshes 1.0        => password 1; sessions 1.1 until 3605
        @15 ann refreshes 1.0       => again: password 1; sessions 1.1 until 3605
        restart
        @15 ann refreshes 1.0       => again: password 1; sessions 1.1 until 3605
        @15 ann refreshes 1.1       => password 1; sessions 1.2 until 3615
        # A repeat asks for the same token; who asks for another one is somebody else.
        @16 ann refreshes 1.1 anew  => no: the refresh token was used before; its session has ended
        ",
    );
}

#[test]
fn logging_out_ends_sessions_and_can_be_repeated() {
    check(
        "log out",
        "
        ann registers
        ann logs in
        ann logs in
        ann logs out 2              => password 1; sessions 1.0 until 3600, 3.0 until 3600
        ann logs out 2              => again: password 1; sessions 1.0 until 3600, 3.0 until 3600
        ann refreshes 2.0           => no: no such session
        ann logs out everywhere     => password 1; no sessions
        ann logs out everywhere     => again: password 1; no sessions
        ann refreshes 1.0           => no: no such session
        ",
    );
}

#[test]
fn sessions_are_bounded_and_the_least_used_goes() {
    let logins = "ann logs in\n".repeat(15);
    check(
        "sixteen at most",
        &format!(
            "
            ann registers
            {logins}
            @1 ann refreshes 1.0
            ann logs in
            ann refreshes 2.0       => no: no such session
            ann refreshes 1.1
            ann refreshes 3.0
            ? count ann             => 16 sessions
            # Those whose time is over at this moment do not count.
            @3601 ann logs in
            ? count ann             => 1 sessions
            "
        ),
    );
}

#[test]
fn a_new_password_ends_what_the_old_one_opened() {
    check(
        "change",
        "
        ann registers
        ann logs in
        ann sets password over 1 keeping 2 => password 2; sessions 2.0 until 3600
        ann sets password over 1    => no: the password was changed meanwhile
        ann logs in over 1          => no: the password was changed meanwhile
        ann logs in over 2          => password 2; sessions 2.0 until 3600, 3.0 until 3600
        ann sets password over 2    => password 3; no sessions
        ",
    );
}

#[test]
fn a_reset_is_good_once_and_for_a_while() {
    check(
        "reset",
        "
        ann registers
        ann resets by r1            => no: the way to reset the password is not good (any more)
        ann offered r1 for 60       => password 1; sessions 1.0 until 3600; reset until 60
        ann resets by r2            => no: the way to reset the password is not good (any more)
        @59 ann resets by r1        => password 2; no sessions
        ann resets by r1            => no: the way to reset the password is not good (any more)
        ann offered r3 for 60       => password 2; no sessions; reset until 119
        @119 ann resets by r3       => no: the way to reset the password is not good (any more)
        ann offered r4 for 60
        ann offered r5 for 60
        ann resets by r4            => no: the way to reset the password is not good (any more)
        ann sets password over 2    => password 3; no sessions
        ann resets by r5            => no: the way to reset the password is not good (any more)
        cid offered r1 for 60       => no: no such account
        ",
    );
}

#[test]
fn consents_are_remembered_with_their_time() {
    check(
        "consent",
        "
        ann registers agreeing v1
        @5 ann agrees v1            => again: password 1; sessions 1.0 until 3600; agreed v1 at 0
        @6 ann agrees v2            => password 1; sessions 1.0 until 3600; agreed v1 at 0, v2 at 6
        ",
    );
}

#[test]
fn an_erased_account_is_gone_and_its_login_free() {
    check(
        "erase",
        "
        ann registers agreeing v1
        ann erased
        ? ann                       => no: no such account
        ann erased                  => no: no such account
        ann refreshes 1.0           => no: no such account
        ann registers               => password 1; sessions 1.0 until 3600
        ",
    );
}

#[test]
fn keys_have_numbers_that_never_come_again() {
    check(
        "keys",
        "
        key front with 1            => key 1
        key gates with 4 until 60   => key 2
        ? keys                      => 1 front 1; 2 gates 4 until 60
        key 1 revoked               => key 1
        key 1 revoked               => no: no such key
        key more with 2             => key 3
        ? keys                      => 2 gates 4 until 60; 3 more 2
        ",
    );
    let keys = "key k with 1\n".repeat(1_024);
    check(
        "bounded",
        &format!("{keys}\nkey one with 1 => no: there are as many keys as there may be"),
    );
}
