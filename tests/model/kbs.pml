/* SPDX-License-Identifier: Apache-2.0 */
/* The KBS exchange: guest A, which the policy names, guest B, which it does not, an attacker, a broker that restarts. In brackets
 * stands the function of the code that a step is.
 *
 * Assumed: random numbers are never the same twice (a nonce and the cookie that it is sealed in have one number here); signatures, seals
 * and encryption are perfect; evidence says which guest made it (sv_appraise, the verifiers), over which nonce and which key, and A makes
 * evidence for its own key only. A's key is one value here although each exchange makes a new one (sv_kbs_auth): less fresh than the code.
 * The time is not modelled: no challenge or token expires; a row that is removed while the challenge lives is that of a database taken back.
 * BEGIN IMMEDIATE ... COMMIT is one step, and what is committed is kept.
 *
 * A challenge is stateless: the broker knows it again by its seal (sv_challenge_open), which a broker made anew does not. What it keeps is a
 * row for each nonce with which evidence was accepted.
 *
 * The attacker reads everything that is sent (cookies, evidence, tokens, sealed keys), sends anything made of it, a cookie in another
 * spelling too, owns B with its TEE, and answers A with the challenge of another session: more than TLS with a pinned key lets it. With LIVE
 * it is outside of A's connection: what is inside can always stop it.
 *
 * A restart kills the processes of all connections between any two steps; the database stays. RENEW is a broker made anew
 * (sv_broker_init): no rows, another key for challenges and tokens. RESTORE takes the database back to what it was before any row
 * (sv_backup_restore). Challenges do outlive a plain restart: nothing in the exchange needs them not to, as what was used stays used.
 */
#define NOBODY 0
#define A      1 /* the guest that the policy names, and its key */
#define B      2 /* another guest, and every key that is the attacker's */

/* Faults that can be planted: number, the property that must be found broken. */
#define NONE                   0
#define NONCE_NOT_COMPARED     1  /* fresh */
#define NONCE_NOT_BOUND        2  /* fresh */
#define POLICY_NOT_ASKED       3  /* fresh */
#define NONCE_NOT_TAKEN        4  /* once */
#define TAKEN_IN_TWO_STEPS     5  /* once */
#define RESTART_FORGETS_USED   6  /* once */
#define KEY_NOT_BOUND          7  /* secret */
#define SEALED_TO_WHO_ASKS     8  /* secret */
#define TOKEN_NOT_VERIFIED     9  /* secret */
#define TOKEN_KEY_KEPT         10 /* renewed */
#define RESENT_USED_IS_FINAL   11 /* served */
#define LOST_ANSWER_IS_FINAL   12 /* served */
#define SESSION_LIMIT_IS_FINAL 13 /* served */
#define RESTORE_FORGETS_USED   14 /* once */
#define END_FORGETS_USED       15 /* once */
#define ID_OF_SPELLING         16 /* once */
#define CHALLENGE_KEY_KEPT     17 /* renewed */
#ifndef FAULT
#define FAULT NONE
#endif
/* A key is released only for evidence that the guest of the policy made for this session's nonce and for the key it is sealed to. */
#define FRESH   1
/* A nonce is accepted once, whatever is sent again and whenever the broker restarts. */
#define ONCE    2
/* What is released can be read with the TEE key that the evidence was made for, and with no other. */
#define SECRET  3
/* A broker made anew releases nothing for a session or token of the one before. */
#define RENEWED 4
#ifndef PROPERTY
#define PROPERTY NONE /* all of them */
#endif
#define HOLDS(property, that) assert((PROPERTY != NONE && PROPERTY != property) || (that))
#define PLANTED(f) (FAULT == f)

#ifdef LIVE
#define SESSIONS  3
#define ALIVE_MAX 1 /* rows at a time */
#define RESTARTS  2
#define RENEWS    0
#define RESTORES  0
#define FLOODS    1
#else
#define SESSIONS 2
#define ALIVE_MAX 100
#define RESTARTS 1
#define RENEWS   1
#define RESTORES 1
#define ACTIONS  2
#endif

/* The rows of the database, by the id of the nonce: evidence was accepted. One that has ended has no token any more. And what of a session was seen
 * on the wire: a token is a guest and a key, signed in an age of the broker. */
typedef session {
        bit there, ended;
}
typedef token {
        byte guest, key, age;
}
session db[2 * SESSIONS + 1]; /* the second half: ids of other spellings, when a fault makes them others */
token seen[SESSIONS + 1];
byte sealed_in[SESSIONS + 1]; /* the age of the broker that sealed this challenge */
byte sessions, living, age;
byte floor; /* challenges up to this one count no more */

/* What really happened. */
bit made[SESSIONS + 1];     /* A made evidence over this nonce and its key */
bit accepted[SESSIONS + 1]; /* evidence was accepted for this nonce */
bit a_has_key;

/* One connection each, A's (0) and the attacker's (1): a request, its answer. */
mtype = { AUTH, ATTEST, RESOURCE, BEARER, OUTCOME, IDLE };
mtype:answer = { WAIT, OK, CLOSED, LIMIT, USED, BEGIN_AGAIN, REFUSED };
mtype request[2] = IDLE;
mtype:answer answer[2] = WAIT;
bit crash[2], dead[2];
byte cookie[2], nonce[2], key[2], by[2], over_nonce[2], over_key[2];
bit respelled[2];

/* seal_to: sealed to the key in the token; the attacker sees it pass and reads what is sealed to its keys. */
inline release(i, t_guest, t_key, t_age)
{
        to = t_key;
        if
        :: PLANTED(SEALED_TO_WHO_ASKS) -> to = key[c]
        :: else
        fi;
        HOLDS(FRESH, made[i] && t_guest == A && t_key == A);
        HOLDS(RENEWED, t_age == age && sealed_in[i] == age);
        HOLDS(SECRET, to == A);
        a_has_key = a_has_key || (c == 0 && to == A);
        to = 0
}

/* sv_ear_verify: the token's signature is of this broker's token key; check_policy. */
inline decide(i, t_guest, t_key, t_age)
{
        if
        :: t_guest == NOBODY || (t_age != age && !PLANTED(TOKEN_KEY_KEPT)) ->
                answer[c] = BEGIN_AGAIN /* TokenNotFound, TokenVerifierError */
        :: else ->
                if
                :: t_guest == A || PLANTED(POLICY_NOT_ASKED) -> release(i, t_guest, t_key, t_age); answer[c] = OK
                :: else -> answer[c] = REFUSED /* PolicyDeny */
                fi
        fi
}

/* The row of a nonce: its id is the hash of the nonce, whatever the cookie looks like. */
#define ROW (PLANTED(ID_OF_SPELLING) && respelled[c] -> cookie[c] + SESSIONS : cookie[c])
/* sv_challenge_open: sealed by this broker. */
#define OPENS (cookie[c] <= sessions && cookie[c] > 0 && (sealed_in[cookie[c]] == age || PLANTED(CHALLENGE_KEY_KEPT)))

/* sv_sql_check_nonce: a look, which decides nothing. */
inline look_at_nonce()
{
        if
        :: !OPENS || cookie[c] <= floor -> says = BEGIN_AGAIN /* broker.session.unknown: TokenNotFound */
        :: OPENS && cookie[c] > floor && db[ROW].there && !PLANTED(NONCE_NOT_TAKEN) ->
                says = USED /* broker.session.used: AttestationError */
        :: else -> says = OK
        fi
}

/* check_message (broker/handlers): the nonce of the body is the session's; verify_evidence: the evidence is over the digest of the body's
 * nonce and key (sv_kbs_binding_digest). */
inline verify()
{
        if
        :: (nonce[c] == cookie[c] || PLANTED(NONCE_NOT_COMPARED)) &&
                   (over_nonce[c] == nonce[c] || PLANTED(NONCE_NOT_BOUND)) &&
                   (over_key[c] == key[c] || PLANTED(KEY_NOT_BOUND))
        :: else -> says = REFUSED
        fi
}

/* accept_evidence, sv_sql_put_session: looks again and writes row and token, in one transaction. */
inline accept()
{
        HOLDS(ONCE, !accepted[cookie[c]]);
        accepted[cookie[c]] = 1;
        seen[cookie[c]].guest = by[c];
        seen[cookie[c]].key = key[c];
        seen[cookie[c]].age = age;
        db[ROW].there = 1;
        living++
}

#define ASKED(what) (request[c] == what && answer[c] == WAIT && !dead[c])

/* serve_connection, sv_broker_handle: one process for each connection; nothing but the database outlives it. */
proctype connection(byte c)
{
        mtype:answer says = WAIT;
        byte to;

end:    do
        :: {
                if
                :: atomic { request[c] != IDLE && answer[c] == WAIT && dead[c] ->
                        dead[c] = 0; answer[c] = CLOSED } /* kept, but the process at its other end has gone */
                :: atomic { ASKED(AUTH) -> /* sv_handle_auth, sv_challenge_seal: nothing is kept */
                        if
#ifdef LIVE /* what came to nothing stands for a fresh one: a guest may try as often as it likes */
                        :: sessions > 0 && !accepted[sessions] -> cookie[c] = sessions; says = OK
                        :: sessions == SESSIONS && accepted[sessions] -> says = LIMIT
                        :: sessions < SESSIONS && (sessions == 0 || accepted[sessions]) ->
#else
                        :: sessions == SESSIONS -> says = LIMIT
                        :: else ->
#endif
                                sessions++;
                                sealed_in[sessions] = age;
                                cookie[c] = sessions;
                                says = OK
                        fi
                   };
                   atomic { answer[c] = says; says = WAIT }
                :: ASKED(ATTEST) -> /* sv_handle_attest */
                        atomic {
                                look_at_nonce();
                                if
                                :: says == OK -> verify()
                                :: else
                                fi
                        };
                        atomic {
                                if
                                :: says == OK && !PLANTED(TAKEN_IN_TWO_STEPS) -> look_at_nonce()
                                :: else
                                fi;
                                if
                                :: says == OK && living >= ALIVE_MAX -> says = LIMIT /* broker.session.limit: 503 */
                                :: says == OK && living < ALIVE_MAX -> accept()
                                :: else
                                fi
                        };
                        atomic { answer[c] = says; says = WAIT }
                :: atomic { ASKED(RESOURCE) -> /* sv_handle_resource, find_token: the session's */
                        if
                        :: OPENS && db[ROW].there && !db[ROW].ended ->
                                decide(cookie[c], seen[cookie[c]].guest, seen[cookie[c]].key, seen[cookie[c]].age)
                        :: else -> answer[c] = BEGIN_AGAIN
                        fi
                   }
                :: atomic { ASKED(OUTCOME) -> /* sv_handle_outcome, sv_sql_end_session: the token goes, the row stays */
                        if
                        :: OPENS && db[ROW].there && !db[ROW].ended ->
                                db[ROW].ended = 1;
                                db[ROW].there = !PLANTED(END_FORGETS_USED);
                                answer[c] = OK
                        :: else -> answer[c] = BEGIN_AGAIN
                        fi
                   }
                :: atomic { ASKED(BEARER) -> /* find_token: what the request brings, seen before or written by the attacker */
                        if
                        :: by[c] == A -> decide(cookie[c], seen[cookie[c]].guest, seen[cookie[c]].key, seen[cookie[c]].age)
                        :: by[c] == B && PLANTED(TOKEN_NOT_VERIFIED) -> decide(cookie[c], A, B, age)
                        :: else -> answer[c] = BEGIN_AGAIN
                        fi
                   }
                fi
           } unless {
                atomic {
                        crash[c] -> crash[c] = 0; says = WAIT; to = 0; answer[c] = CLOSED
                }
           }
        od
}

/* sv_http_conn_call: what a kept connection did not answer is sent again on a new one, once. */
inline call(what)
{
        resent = 0;
        atomic { answer[0] = WAIT; request[0] = what };
        atomic { answer[0] != WAIT -> request[0] = IDLE };
        if
        :: answer[0] == CLOSED && reused ->
                atomic { resent = 1; reused = 0; answer[0] = WAIT; request[0] = what };
                atomic { answer[0] != WAIT -> request[0] = IDLE }
        :: else
        fi;
        reused = answer[0] != CLOSED
}

/* try_releases, try_release (agent/release.c), call_kbs (attest/kbs/client.c): tries again what may pass later. */
proctype guest_a()
{
        bit reused, resent, again = 1;

        atomic { /* what one waits for is a point where others go on; the rest is its own */
        do
        :: !again -> break
        :: else ->
                again = 0;
                call(AUTH); /* sv_kbs_auth */
                if
                :: answer[0] != OK ->
                        again = (answer[0] == CLOSED && !PLANTED(LOST_ANSWER_IS_FINAL)) ||
                                (answer[0] == LIMIT && !PLANTED(SESSION_LIMIT_IS_FINAL));
                        goto next
                :: else -> nonce[0] = cookie[0]
                fi;
#ifndef LIVE
                if /* who answers may be the attacker, with a challenge that it was given */
                :: nonce[0] = 1
                :: sessions == 2 -> nonce[0] = 2
                fi;
#endif
                atomic { /* get_evidence: sv_kbs_binding, the attester's evidence */
                        made[nonce[0]] = 1;
                        key[0] = A; by[0] = A; over_nonce[0] = nonce[0]; over_key[0] = A
                };
                call(ATTEST); /* sv_kbs_attest */
                if
                :: answer[0] != OK ->
                        again = answer[0] == BEGIN_AGAIN || (answer[0] == CLOSED && !PLANTED(LOST_ANSWER_IS_FINAL)) ||
                                (answer[0] == LIMIT && !PLANTED(SESSION_LIMIT_IS_FINAL)) ||
                                (answer[0] == USED && resent && !PLANTED(RESENT_USED_IS_FINAL)); /* used_by_us */
                        goto next
                :: else
                fi;
                call(RESOURCE); /* sv_kbs_resource */
                if
                :: answer[0] == OK -> call(OUTCOME); break /* use_resource, sv_kbs_outcome */
                :: else -> again = answer[0] == BEGIN_AGAIN || answer[0] == CLOSED
                fi;
next:
#ifndef LIVE
                again = again && sessions < SESSIONS
#else
                skip
#endif
        od
        }
}

#ifndef LIVE
inline pick(v, last)
{
        v = 1;
        do
        :: v < last -> v++
        :: break
        od
}

inline send(what)
{
        atomic { answer[1] = WAIT; request[1] = what };
        atomic { answer[1] != WAIT -> request[1] = IDLE; cookie[1] = 0; nonce[1] = 0; key[1] = 0; by[1] = 0;
                 over_nonce[1] = 0; over_key[1] = 0; respelled[1] = 0 }
}

/* Has a session of its own from the start (1), and sends what it likes: what it saw of others, evidence of B over anything, evidence of A that A has made. */
proctype attacker()
{
        byte left = ACTIONS;

        atomic {
        do
        :: left > 0 -> break
        :: left == 0 -> break
        :: left > 0 && sessions > 0 ->
                left--;
                atomic {
                        pick(cookie[1], sessions);
                        pick(nonce[1], sessions);
                        pick(key[1], B);
                        if
                        :: respelled[1] = 0
                        :: PLANTED(ID_OF_SPELLING) -> respelled[1] = 1 /* else it makes no difference */
                        fi;
                        if
                        :: by[1] = A; over_key[1] = A;
                           if
                           :: made[1] -> over_nonce[1] = 1
                           :: made[2] -> over_nonce[1] = 2
                           :: else -> by[1] = B; over_nonce[1] = nonce[1]
                           fi
                        :: by[1] = B; pick(over_key[1], B); pick(over_nonce[1], sessions)
                        fi
                };
                send(ATTEST)
        :: left > 0 && sessions > 0 ->
                left--;
                atomic { pick(cookie[1], sessions); key[1] = B };
                send(RESOURCE)
        :: left > 0 && sessions > 0 ->
                left--;
                atomic { pick(cookie[1], sessions); key[1] = B; if :: by[1] = A :: by[1] = B fi };
                send(BEARER)
        od
        }
}
#endif

/* drain's end: SIGKILL for every connection's process. Who has no request on its way finds out with the next. */
inline cut(i)
{
        crash[i] = request[i] != IDLE && answer[i] == WAIT && !dead[i];
#ifdef LIVE
        dead[i] = request[i] == IDLE || answer[i] != WAIT || dead[i]
#endif
}

inline forget_rows()
{
        db[1].there = 0; db[SESSIONS].there = 0; db[1].ended = 0; db[SESSIONS].ended = 0
}

proctype operator()
{
        byte restarts = RESTARTS, renews = RENEWS, restores = RESTORES;

        do
        :: restarts > 0 ->
                atomic {
                        restarts--;
                        cut(0); cut(1);
                        if
                        :: PLANTED(RESTART_FORGETS_USED) -> forget_rows()
                        :: else
                        fi
                }
        :: renews > 0 ->
                atomic {
                        renews--; restores = 0; age++;
                        cut(0); cut(1);
                        forget_rows()
                }
        :: restores > 0 -> /* while it serves */
                atomic {
                        restores--; renews = 0; /* one of the two in a run: both would cost four times the states */
                        forget_rows();
                        if
                        :: PLANTED(RESTORE_FORGETS_USED)
                        :: else -> floor = sessions /* sv_sql_forget_once */
                        fi
                }
        :: break
        od
}

#ifdef LIVE
/* Others have evidence accepted and do not come back; insert_session deletes what has expired. */
proctype others()
{
        byte floods = FLOODS;

end:    do
        :: atomic { floods > 0 && living < ALIVE_MAX -> floods--; living++ }
        :: atomic { living > 0 -> living-- }
        od
}
#endif

init
{
        atomic {
#ifdef LIVE
                run others();
#else
                sessions = 1;
                run connection(1);
                run attacker();
#endif
                run connection(0);
                run guest_a();
                run operator()
        }
}

#ifdef LIVE
/* A guest that keeps trying gets its key, when the broker restarts and is flooded a bounded number of times (weak fairness). */
ltl served { <> a_has_key }
#endif
