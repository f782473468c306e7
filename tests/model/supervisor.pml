/* SPDX-License-Identifier: Apache-2.0 */
/* The three processes that keep a guest (launcher/keeper): guard, worker and watch, the launcher before them, the next command after
 * them. The worker's reader is left out: it has none of these descriptors and ends with the worker (PR_SET_PDEATHSIG). In brackets stands the function of the code that a step is.
 *
 * Assumed of the kernel: a process that ends closes its descriptors at once; its children go to the nearest subreaper above it (the
 * guard, PR_SET_CHILD_SUBREAPER) while that lives, else to init, which reaps them; flock(2) is held until the last process that
 * inherited the descriptor has closed it; a pipe hangs up when its last writer has. Descriptors are inherited by fork and closed by
 * exec (O_CLOEXEC). Of libvirt: what it starts is forked, holds all of that until its exec, is then a daemon (its parent is no
 * longer the worker) and names the guest's folder on its command line; a child of libvirt gets to its exec within the watch's ten
 * seconds; a start can hang for ever. QEMU makes sockets at any time after its exec. A walk over /proc is one step for each process.
 */
#define NONE                 0
/* Faults that can be planted: number, the property that must be found broken. */
#define NO_SUBREAPER         1  /* one_killed */
#define GUARD_LEAVES_FILES   2  /* one_killed */
#define WORKER_SEES_NO_GUARD 3  /* one_killed */
#define WORKER_SEES_NO_END   4  /* one_killed */
#define NO_WATCH             5  /* one_killed */
#define WATCH_WAITS_NOT      6  /* one_killed */
#define FILES_BEFORE_KILL    7  /* one_killed */
#define GUARD_BURIES_NOBODY  8  /* guard_lives */
#define NEXT_CLEARS_NOTHING  9  /* any_killed */
#define LOCK_NOT_INHERITED   10 /* any_killed */
#define KILLED_BY_NUMBER     11 /* any_killed */
#ifndef FAULT
#define FAULT NONE
#endif
#define PLANTED(f) (FAULT == f)

/* Any one of guard, worker and watch is killed, and the launcher or not: in the end nothing is left, and no command was needed. */
#define ONE_KILLED  1
/* The guard is not killed, the others are, in any order: the same. */
#define GUARD_LIVES 2
/* Any are killed, in any order: the next command gets the lock, and when it has done sv_state_recover nothing is left, for good. No
 * signal goes to a process that is not the guest's. */
#define ANY_KILLED  3
#ifndef PROPERTY
#define PROPERTY ONE_KILLED
#endif

#define LAUNCHER 0
#define GUARD    1
#define WORKER   2
#define WATCH    3
#define N        4
bit alive[N];
bit killed[N];

/* What libvirt starts: swtpm (0), then QEMU (1). */
#define SWTPM 0
#define QEMU  1
mtype = { ABSENT, FORKED, RUNS, ENDED };
mtype program[2] = ABSENT;
mtype:parent = { OF_WORKER, OF_GUARD, OF_INIT };
mtype:parent parent[2] = OF_WORKER;
mtype:parent watch_parent = OF_WORKER;

bit control_sock, copies, qemu_socks; /* in the guest's folder */
bit next_holds, next_done;
bit launch_closed, guard_has_launch; /* ends of the socket pair */
bit watch_end_closed;                /* the worker's end of the watch's pipe */
bit worker_reaped, number_reused;
bit said_running, commit, committed, hangs, stays;

#define FORKS_ALIVE (program[SWTPM] == FORKED || program[QEMU] == FORKED)
#define LOCK_FREE                                                                                                                  \
        (!next_holds && !alive[LAUNCHER] && !alive[GUARD] &&                                                                       \
         (PLANTED(LOCK_NOT_INHERITED) || (!alive[WORKER] && !alive[WATCH] && !FORKS_ALIVE)))
#define GUARD_PIPE_HUNG_UP  (!alive[GUARD])
#define LAUNCH_HUNG_UP      (!alive[LAUNCHER] || launch_closed)
#define WORKER_END_HUNG_UP  ((!alive[WORKER] || watch_end_closed) && !FORKS_ALIVE)
#define LEFT                                                                                                                       \
        (program[SWTPM] == FORKED || program[SWTPM] == RUNS || program[QEMU] == FORKED || program[QEMU] == RUNS || control_sock || \
         copies || qemu_socks)

inline adopt(from, to)
{
        if :: parent[SWTPM] == from -> parent[SWTPM] = to :: else fi;
        if :: parent[QEMU] == from -> parent[QEMU] = to :: else fi;
        if :: watch_parent == from -> watch_parent = to :: else fi
}

/* exit(2): of itself, or killed. */
inline ends(who)
{
        atomic {
                alive[who] = 0;
                if
                :: who == WORKER && alive[GUARD] && !PLANTED(NO_SUBREAPER) -> adopt(OF_WORKER, OF_GUARD)
                :: who == WORKER && !(alive[GUARD] && !PLANTED(NO_SUBREAPER)) ->
                        adopt(OF_WORKER, OF_INIT); worker_reaped = !alive[GUARD]
                :: who == GUARD -> adopt(OF_GUARD, OF_INIT); worker_reaped = worker_reaped || !alive[WORKER]
                :: else
                fi
        }
}

inline kill_by_name(i)
{
        if
        :: atomic { program[i] == RUNS -> program[i] = ENDED; again = 1 }
        :: program[i] != RUNS
        fi
}

/* sv_state_kill_leftovers: rounds over /proc until one finds nobody. */
inline kill_leftovers()
{
        again = 1;
        do
        :: again -> again = 0; kill_by_name(SWTPM); kill_by_name(QEMU)
        :: else -> break
        od
}

inline remove_files()
{
        atomic { control_sock = 0; qemu_socks = 0; copies = 0 }
}

inline recover() /* sv_state_recover */
{
        if
        :: PLANTED(FILES_BEFORE_KILL) -> remove_files(); kill_leftovers()
        :: else -> kill_leftovers(); remove_files()
        fi
}

/* The kernel, and the programs themselves. */
proctype system()
{
end:    do
        :: atomic { program[SWTPM] == FORKED -> program[SWTPM] = RUNS } /* exec */
        :: atomic { program[QEMU] == FORKED -> program[QEMU] = RUNS }
        :: atomic { program[SWTPM] == RUNS && parent[SWTPM] == OF_WORKER && alive[WORKER] -> /* virCommandDaemonize */
                parent[SWTPM] = (alive[GUARD] && !PLANTED(NO_SUBREAPER) -> OF_GUARD : OF_INIT) }
        :: atomic { program[QEMU] == RUNS && parent[QEMU] == OF_WORKER && alive[WORKER] ->
                parent[QEMU] = (alive[GUARD] && !PLANTED(NO_SUBREAPER) -> OF_GUARD : OF_INIT) }
        :: atomic { program[QEMU] == RUNS && !qemu_socks -> qemu_socks = 1 }
        :: atomic { program[QEMU] == RUNS && said_running && !stays -> /* the guest powers off, or it never does */
                if :: program[QEMU] = ENDED :: stays = 1 fi }
        :: atomic { program[SWTPM] == RUNS && program[QEMU] == ENDED -> program[SWTPM] = ENDED } /* --terminate */
        :: atomic { PROPERTY == ANY_KILLED && PLANTED(KILLED_BY_NUMBER) && worker_reaped && !number_reused -> number_reused = 1 } /* another process has the worker's number */
        od
}

proctype watch() /* watch, end_all */
{
        bit again;
        {
                if
                :: GUARD_PIPE_HUNG_UP ->
                        if
                        :: PLANTED(KILLED_BY_NUMBER) -> assert(PROPERTY != ANY_KILLED || !number_reused)
                        :: else
                        fi;
                        if
                        :: alive[WORKER] -> ends(WORKER) /* pidfd_send_signal */
                        :: else
                        fi;
                        if
                        :: PLANTED(WATCH_WAITS_NOT)
                        :: else -> WORKER_END_HUNG_UP
                        fi;
                        recover()
                :: WORKER_END_HUNG_UP && !GUARD_PIPE_HUNG_UP /* sees the guard's end first */
                fi;
                alive[WATCH] = 0
        } unless { !alive[WATCH] }
}

inline fork_program(i)
{
        atomic { program[i] = FORKED; parent[i] = OF_WORKER };
        program[i] != FORKED
}

/* sv_virt_start: inside libvirt nothing else is seen. */
inline virt_start()
{
        if
        :: hangs = 1; false
        :: true
        fi;
        if /* one program is enough to be left behind; two only where there is room for their states */
        :: PROPERTY == ONE_KILLED -> fork_program(SWTPM)
        :: else
        fi;
        fork_program(QEMU)
}

proctype worker() /* sv_worker */
{
        bit again, wanted = 1, reboots = 1;
        {
                if /* sv_watch_start */
                :: PLANTED(NO_WATCH)
                :: else -> atomic { alive[WATCH] = 1; watch_parent = OF_WORKER; run watch() }
                fi;
                control_sock = 1; /* sv_worker_listen */
                copies = 1;       /* sv_stage */
                wanted = !GUARD_PIPE_HUNG_UP && !LAUNCH_HUNG_UP; /* sv_worker_wanted */
                if
                :: wanted -> virt_start()
                :: else
                fi;
                watch_end_closed = 1; /* sv_watch_end */
                !alive[WATCH];
                if
                :: wanted -> said_running = 1
                :: else
                fi;
                do /* loop */
                :: !wanted -> break
                :: wanted && GUARD_PIPE_HUNG_UP && !PLANTED(WORKER_SEES_NO_GUARD) -> break
                :: wanted && !committed && LAUNCH_HUNG_UP && !commit && !PLANTED(WORKER_SEES_NO_END) -> break /* hear_launcher */
                :: wanted && commit && !committed -> committed = 1
                :: wanted && program[QEMU] == ENDED -> break /* guest_ended */
                :: wanted && program[QEMU] == ENDED && reboots && committed -> /* sv_worker_restart: no watch here */
                        reboots = 0;
                        program[SWTPM] != RUNS;
                        fork_program(QEMU)
                :: wanted && committed && alive[GUARD] -> break /* SV_CONTROL_DESTROY */
                od;
                /* finish */
                if :: atomic { program[QEMU] == RUNS -> program[QEMU] = ENDED } :: program[QEMU] != RUNS fi; /* sv_virt_destroy */
                recover();
                ends(WORKER)
        } unless { !alive[WORKER] }
}

/* bury_descendants: kills its children until there are none. */
inline bury(i)
{
        if
        :: atomic { parent[i] == OF_GUARD && (program[i] == FORKED || program[i] == RUNS) -> program[i] = ENDED; again = 1 }
        :: else
        fi
}

proctype guard() /* run_guard, guard */
{
        bit again;
        {
                atomic { alive[WORKER] = 1; run worker() };
                guard_has_launch = 0;
                !alive[WORKER]; /* waitpid */
                worker_reaped = 1;
                again = !PLANTED(GUARD_BURIES_NOBODY);
                do
                :: again ->
                        again = 0;
                        bury(SWTPM);
                        bury(QEMU);
                        if
                        :: atomic { alive[WATCH] && watch_parent == OF_GUARD -> alive[WATCH] = 0; again = 1 }
                        :: else
                        fi
                :: else -> break
                od;
                if
                :: PLANTED(GUARD_LEAVES_FILES)
                :: else -> recover()
                fi;
                ends(GUARD)
        } unless { !alive[GUARD] }
}

proctype launcher() /* start (cmd-launch.c), sv_guard_start, sv_follow */
{
        {
                atomic { alive[GUARD] = 1; guard_has_launch = 1; run guard() };
                if
                :: said_running -> commit = 1; committed || !alive[WORKER]
                :: !alive[WORKER] && !FORKS_ALIVE && !guard_has_launch
                :: !alive[GUARD] && !alive[WORKER] && !FORKS_ALIVE
                fi;
                launch_closed = 1;
                alive[LAUNCHER] = 0
        } unless { !alive[LAUNCHER] }
}

#define MAY(who)                                                                                                                   \
        (alive[who] && !killed[who] &&                                                                                             \
         (PROPERTY == ANY_KILLED || who == LAUNCHER || (PROPERTY == GUARD_LIVES && who != GUARD) ||                                \
          (PROPERTY == ONE_KILLED && !killed[GUARD] && !killed[WORKER] && !killed[WATCH])))

proctype killer()
{
end:    do
        :: atomic { MAY(LAUNCHER) -> killed[LAUNCHER] = 1; alive[LAUNCHER] = 0 }
        :: atomic { MAY(GUARD) -> killed[GUARD] = 1; ends(GUARD) }
        :: atomic { MAY(WORKER) -> killed[WORKER] = 1; ends(WORKER) }
        :: atomic { MAY(WATCH) -> killed[WATCH] = 1; alive[WATCH] = 0 }
        od
}

/* Somebody who hangs in libvirt holds the lock: nothing is promised while the guard lives, or when the watch is killed too. */
#define EXCUSED (hangs && alive[WORKER] && (alive[GUARD] || killed[WATCH]))

proctype next() /* launch, destroy: lock, clean */
{
        bit again;

        if
        :: atomic { LOCK_FREE -> assert(PROPERTY == ANY_KILLED || !LEFT); next_holds = 1 }
        :: timeout -> assert(EXCUSED); goto done
        fi;
        if
        :: PLANTED(NEXT_CLEARS_NOTHING)
        :: else -> recover()
        fi;
        assert(!LEFT);
        timeout -> assert(!LEFT); /* whatever else could still have happened has */
done:   skip
}

init
{
        atomic {
                alive[LAUNCHER] = 1;
                run system();
                run killer();
                run launcher();
                run next()
        }
}
