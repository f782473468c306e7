/* SPDX-License-Identifier: Apache-2.0 */
/* One encrypted disk and a copy of it, guests on both, and the broker that says which of them has it. In brackets stands the function of the code
 * that a step is.
 *
 * Assumed: a guest is measured, so it does what the agent does until it is killed; a report comes from a guest that has the disk's key, and
 * nobody changes it; an instance number, random in each unlock, is never the same twice. What is committed on the disk stays there unless the
 * host exchanges it. BEGIN IMMEDIATE ... COMMIT is one step, and what is committed in the database is kept. A lease runs out at any time: the
 * host can keep all reports of a guest back, and stop its clock. A report that is older than a lease never comes in after that lease: a
 * connection of the broker waits 15 s for a request and 30 s for its end, the keeper is asked for 30 s, and no lease is below 120 s. (One that
 * an administrator ends within those 75 s of its begin is not modelled. After a lease that was given back an old report can come: of a guest
 * that is off.) A guest that says that it ends may write until it is killed; what it writes after SV_LEASE_END_S is as what it writes after a
 * lease that ran out.
 *
 * The host kills guests between any two steps, keeps a report back and delivers it later, lets an answer be lost, copies the disk over its copy
 * and back while guests run on both, or gives two guests the same one. An administrator ends a lease, rightly or not; the broker restarts. A
 * guest does nothing between its report and the answer, so that both are one step, unless the report is kept back.
 */
#define NONE                   0
/* Faults that can be planted: number, the property that must be found broken. */
#define RESTART_FORGETS_LEASE  1  /* one */
#define INSTANCE_OF_THE_DISK   2  /* one */
#define SUPERSEDED_ENDS_LEASE  3  /* one */
#define TAKEN_IN_TWO_STEPS     4  /* one */
#define LEASE_NOT_ASKED        5  /* one */
#define REPORT_TAKES_DISK      6  /* line */
#define REPORT_OUTLIVES_LEASE  7  /* line */
#define LEASE_NEVER_OVER       8  /* open */
#define CLOSED_KEEPS_LEASE     9  /* open */
#define NEW_INSTANCE_EACH_TRY  10 /* open */
#define REPORT_BEFORE_COMMIT   11 /* open */
#define FLOOR_NOT_ASKED        12 /* fresh */
#define NOT_LOOKED_AT_AGAIN    13 /* fresh */
#define END_GIVES_DISK_AT_ONCE 14 /* one */
#define END_RENEWS_LEASE       15 /* open */
#define BACK_BEFORE_UNMOUNT    16 /* one */
#ifndef FAULT
#define FAULT NONE
#endif
/* The disk is given to an instance only when the lease of the one before is over: it ran out (of a guest that ends: the rest that it has to
 * unmount the disk), was given back by one that cannot write to it any more, or an administrator ended it. */
#define ONE   1
/* A guest that had the disk mounted and lost it to another never gets a report accepted again, while it runs: what counts is one line. */
#define LINE  2
/* Nobody is kept off without a lease of somebody else that runs, nor by a generation that no disk has reached: no order of kills, lost
 * answers and restarts locks the disk out for longer than a lease. */
#define OPEN  3
/* What is opened, and what is then mounted, is not older than what was reported when it was opened. */
#define FRESH 4
#ifndef PROPERTY
#define PROPERTY NONE /* all of them */
#endif
#define HOLDS(property, that) assert((PROPERTY != NONE && PROPERTY != property) || (that))
#define PLANTED(f) (FAULT == f)

#define BOOTS       3 /* two guests at a time; one of them is started again */
#define GENERATIONS 1 /* beside 0: what was there is older, or not */

/* The disk and its copy. */
byte generation[2];

/* The rows of the database: the lease (instance), the disk (floor). */
byte row_instance, row_floor;
bit row_leased;

/* What really happened, by boot. */
byte boots;
byte leased; /* the boot whose lease runs, 0: none */
byte last;   /* the boot whose report was accepted last */
byte written, reported;
bit mounted[BOOTS + 1], lost[BOOTS + 1];

mtype = { NOTHING, OPENS, RUNS, ENDS, CLOSED_DISK };
mtype:answer = { WAIT, OK, CLOSED, IN_USE, SUPERSEDED, ROLLBACK };

/* The report that the host keeps back; nobody waits for its answer any more. */
mtype held = NOTHING;
byte held_boot, held_instance, held_generation;
bit held_old; /* from before the last report that was accepted */

#define FOREIGN(instance) (row_instance != 0 && row_instance != instance)

/* claim_disk, check_lease: the generation first where the disk is opened, the instance first where it is open. */
inline judge(state, instance, at)
{
        if
        :: state == OPENS && at < row_floor && !PLANTED(FLOOR_NOT_ASKED) -> says = ROLLBACK
        :: state == OPENS && (at >= row_floor || PLANTED(FLOOR_NOT_ASKED)) ->
                says = (FOREIGN(instance) && row_leased && !PLANTED(LEASE_NOT_ASKED) -> IN_USE : OK)
        :: state != OPENS ->
                if
                :: FOREIGN(instance) && !(PLANTED(REPORT_TAKES_DISK) && !row_leased) -> says = SUPERSEDED
                :: else -> says = (at < row_floor -> ROLLBACK : OK)
                fi
        fi
}

/* Both rows are written. */
inline take(state, boot, instance, at)
{
        HOLDS(ONE, leased == 0 || leased == boot);
        HOLDS(ONE, state != CLOSED_DISK || !mounted[boot]);
        HOLDS(LINE, state == OPENS || !lost[boot]);
        HOLDS(OPEN, at <= written);
        HOLDS(FRESH, at >= reported);
        lost[last] = lost[last] || (last != boot && mounted[last]);
        last = boot;
        reported = at;
        if /* choose_lease_end */
        :: state == OPENS || state == RUNS -> leased = boot; row_leased = 1
        :: state == ENDS -> row_leased = (row_leased && !PLANTED(END_GIVES_DISK_AT_ONCE)) || PLANTED(END_RENEWS_LEASE)
        :: state == CLOSED_DISK -> leased = 0; row_leased = PLANTED(CLOSED_KEEPS_LEASE)
        fi;
        row_instance = instance;
        row_floor = at;
        held_old = held != NOTHING
}

inline refuse(state, boot)
{
        HOLDS(OPEN, says != IN_USE || (leased != 0 && leased != boot));
        row_leased = row_leased && !(PLANTED(SUPERSEDED_ENDS_LEASE) && says == SUPERSEDED && (state == ENDS || state == CLOSED_DISK))
}

/* claim_disk (broker/handlers): sv_sql_take_lease, sv_sql_raise_disk. Two transactions, but no lease is so short that it ends between. */
inline decide(state, boot, instance, at)
{
        if
        :: says == OK -> take(state, boot, instance, at)
        :: else -> refuse(state, boot)
        fi
}

/* sv_freshness_confirm: a report, and what becomes of it and of the answer. */
inline call(what, at)
{
#if FAULT == TAKEN_IN_TWO_STEPS
        atomic { judge(what, instance, at) };
        atomic {
                decide(what, me, instance, at);
                if
                :: skip
                :: says = CLOSED
                fi
        }
#else
        atomic {
                if
                :: judge(what, instance, at); decide(what, me, instance, at)
                :: judge(what, instance, at); decide(what, me, instance, at); says = CLOSED
                :: held == NOTHING -> held = what; held_boot = me; held_instance = instance; held_generation = at; says = CLOSED
                fi
        }
#endif
}

/* A report and what follows from the answer; the host has no say in between, unless a fault lets it. */
#if FAULT == TAKEN_IN_TWO_STEPS
#define STEP
#else
#define STEP atomic
#endif

proctype guest(byte starts)
{
        byte me, instance, disk, seen;
        mtype:answer says = WAIT;

        do
        :: starts == 0 -> break
        :: atomic { starts > 0 ->
                starts--; boots++; me = boots; instance = (PLANTED(INSTANCE_OF_THE_DISK) -> 1 : me);
                if
                :: disk = 0
                :: disk = 1
                fi;
                seen = generation[disk] /* sv_freshness_read */
           };
           do /* sv_freshness_claim */
           :: STEP {
                call(OPENS, seen);
                if
                :: says == OK -> says = WAIT; break
                :: says == CLOSED || says == IN_USE ->
                        instance = (says == CLOSED && PLANTED(NEW_INSTANCE_EACH_TRY) -> me + BOOTS : instance);
                        says = WAIT
                :: else -> goto off
                fi
              }
           :: goto off /* killed */
           od;
           if
           :: atomic { generation[disk] >= seen || PLANTED(NOT_LOOKED_AT_AGAIN) -> /* mount_confirmed: sv_freshness_mounted */
                HOLDS(FRESH, generation[disk] >= seen);
                seen = generation[disk];
                mounted[me] = 1 }
           :: STEP { generation[disk] < seen -> /* close_disk: it was mounted, and is not any more */
                mounted[me] = PLANTED(BACK_BEFORE_UNMOUNT);
                call(CLOSED_DISK, seen);
                goto off }
           :: goto off
           fi;
           do /* the system, and secure-vm-agent report: sv_freshness_sync first */
           :: atomic { seen < GENERATIONS && !PLANTED(REPORT_BEFORE_COMMIT) ->
                seen++; generation[disk] = seen; written = (seen > written -> seen : written) }
           :: STEP { seen < GENERATIONS && PLANTED(REPORT_BEFORE_COMMIT) -> seen++; call(RUNS, seen); says = WAIT };
              atomic { generation[disk] = seen; written = (seen > written -> seen : written) }
           :: STEP {
                call(RUNS, seen);
                if
                :: says == SUPERSEDED || says == ROLLBACK -> goto off
                :: else -> says = WAIT
                fi
              }
           :: STEP { call(ENDS, seen); says = WAIT } /* and it goes on until it is killed */
           :: STEP { /* end_disk: nothing can be written any more */
                mounted[me] = PLANTED(BACK_BEFORE_UNMOUNT);
                call(CLOSED_DISK, seen);
                goto off }
           :: goto off
           od;
off:       atomic { mounted[me] = 0; lost[me] = 0; me = 0; instance = 0; disk = 0; seen = 0; says = WAIT }
        od
}

inline forget()
{
        held = NOTHING; held_boot = 0; held_instance = 0; held_generation = 0; held_old = 0; says = WAIT
}

proctype host()
{
        mtype:answer says = WAIT;

end:    do
        :: atomic { generation[1] != generation[0] -> generation[1] = generation[0] }
        :: atomic { generation[0] != generation[1] -> generation[0] = generation[1] }
        :: atomic { held != NOTHING ->
                judge(held, held_instance, held_generation);
                decide(held, held_boot, held_instance, held_generation);
                forget()
           }
        od
}

inline expire()
{
        leased = 0;
        if
        :: held_old && !PLANTED(REPORT_OUTLIVES_LEASE) -> forget()
        :: else
        fi
}

proctype time()
{
        bit administrator = 1;
        mtype:answer says = WAIT;

end:    do
        :: atomic { leased != 0 -> row_leased = row_leased && PLANTED(LEASE_NEVER_OVER); expire() }
        :: atomic { administrator && row_leased -> administrator = 0; row_leased = 0; expire() } /* sv_sql_end_lease */
#if FAULT == RESTART_FORGETS_LEASE
        :: atomic { row_instance != 0 -> row_instance = 0; row_leased = 0 } /* else the row stays, and nothing happens */
#endif
        od
}

init
{
        atomic { run guest(1); run guest(BOOTS - 1); run host(); run time() }
}
