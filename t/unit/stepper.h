/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Death at any instruction. A stepper has a child process do something with
 * shared memory, one instruction at a time (ptrace), and finds the instructions
 * after which a death leaves something else than after the one before. Then
 * children die at each of these stops; a death anywhere else would show nothing
 * new.
 *
 * A death leaves the shared memory, and what the kernel does to it for robust
 * mutexes. For those the kernel reads a list in the dying thread, so the head
 * of this list is watched like the memory. A reader at the same time sees the
 * memory between two instructions; the look function reads it at each change.
 *
 * To step to each stop again would take long. A stop is known by its address
 * and by how often the child comes there; a breakpoint leads to it. Both passes
 * must take the same path: it may depend on nothing but the memory, and a
 * checksum at each stop shows that it did not. So the clocks of a child stand
 * still.
 *
 * All functions are static, as each test is a program.
 */
#ifndef T_UNIT_STEPPER_H
#define T_UNIT_STEPPER_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/futex.h>

#define STEPPER_UNUSED __attribute__((unused))

/** Most instructions of a child, and most stops. */
#define STEPPER_STEPS_MAX 2000000
#define STEPPER_STOPS_MAX 2000
/** No child process lives longer. */
#define STEPPER_LIMIT_S 280

/** Between two instructions. */
typedef struct stepper_stop_t {
    unsigned long pc; /* of the second one */
    unsigned visit;   /* how often the child was there, from 1 */
    uint64_t sum;     /* of the shared memory then */
} stepper_stop_t;

typedef struct stepper_t {
    void (*run)(void *data);  /* what the child does */
    void (*look)(void *data); /* NULL, or called by the parent at each stop
                               * of stepper_trace */
    void *data;
    const char *mem; /* the shared memory */
    size_t size;
    const char *excluded; /* in it 64 bytes that differ from child to child:
                           * the lock, which has its owner's number; or NULL */
    int count;            /* of stops */
    unsigned long steps;
    stepper_stop_t stops[STEPPER_STOPS_MAX];
} stepper_t;

/* ---- one process -------------------------------------------------------- */

#ifdef __x86_64__

#define STEPPER_BREAK 0xccul /* int3: a byte */

static unsigned long stepper_pc(pid_t pid)
{
    return (unsigned long)ptrace(PTRACE_PEEKUSER, pid,
                                 offsetof(struct user, regs.rip), NULL);
}

static void stepper_set_pc(pid_t pid, unsigned long pc)
{
    ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rip), pc);
}

#else

/* On other processors stepper_refusal returns a reason. */
#define STEPPER_BREAK 0ul

static unsigned long stepper_pc(pid_t pid)
{
    return (unsigned long)pid;
}

static void stepper_set_pc(pid_t pid, unsigned long pc)
{
    (void)pid;
    (void)pc;
}

#endif

/** Wait until a child stops. @return the signal that stopped it */
static int stepper_wait(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSTOPPED(status));
    return WSTOPSIG(status);
}

/** 1 in a child. */
static int stepper_is_child;

/** In place of that of the C library. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (stepper_is_child) {
        now->tv_sec = 1000;
        now->tv_nsec = 0;
        return 0;
    }
    return (int)syscall(SYS_clock_gettime, clock, now);
}

/** Start a child, which stops before it runs. */
static pid_t stepper_start(const stepper_t *stepper)
{
    pid_t pid = fork();

    if (pid == 0) {
        alarm(STEPPER_LIMIT_S);
        stepper_is_child = 1;
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) {
            _exit(1);
        }
        raise(SIGSTOP);
        stepper->run(stepper->data);
        raise(SIGSTOP);
        _exit(0);
    }
    assert_true(pid > 0);
    assert_int_equal(stepper_wait(pid), SIGSTOP);
    /* if the test ends here, its child ends, too */
    ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_EXITKILL);
    return pid;
}

static STEPPER_UNUSED void stepper_end(pid_t pid)
{
    int status;

    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/** One instruction. @return 0 if the child has run to its end */
static int stepper_step(pid_t pid)
{
    int sig;

    assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
    sig = stepper_wait(pid);
    if (sig == SIGSTOP) {
        return 0;
    }
    assert_int_equal(sig, SIGTRAP);
    return 1;
}

/* ---- what a death leaves ------------------------------------------------ */

/** FNV-1a over words of the shared memory. */
static uint64_t stepper_sum(const stepper_t *stepper)
{
    uint64_t sum = 14695981039346656037u;
    size_t at;

    for (at = 0; at < stepper->size; at += 8) {
        uint64_t word;

        if (stepper->excluded != NULL &&
            stepper->mem + at >= stepper->excluded &&
            stepper->mem + at < stepper->excluded + 64) {
            continue;
        }
        memcpy(&word, stepper->mem + at, 8);
        sum = (sum ^ word) * 1099511628211u;
    }
    return sum;
}

/** What the kernel reads when a thread dies: the first of the robust mutexes
 * that it holds, and the one that it is about to take or release. */
typedef struct stepper_robust_t {
    long first;
    long pending;
} stepper_robust_t;

static stepper_robust_t stepper_robust(pid_t pid)
{
    static struct robust_list_head *head;
    stepper_robust_t robust;
    size_t len;

    if (head == NULL) {
        /* a forked child has it at the same address as its parent */
        syscall(SYS_get_robust_list, 0, &head, &len);
    }
    robust.first = ptrace(PTRACE_PEEKDATA, pid, &head->list.next, NULL);
    robust.pending = ptrace(PTRACE_PEEKDATA, pid, &head->list_op_pending, NULL);
    return robust;
}

/* ---- all stops ---------------------------------------------------------- */

/** Add a stop: the child has come to the last of these addresses. */
static void stepper_add_stop(stepper_t *stepper, const unsigned long *pcs)
{
    stepper_stop_t *stop = &stepper->stops[stepper->count++];
    unsigned long i;

    assert_true(stepper->count < STEPPER_STOPS_MAX);
    stop->pc = pcs[stepper->steps - 1];
    stop->visit = 0;
    for (i = 0; i < stepper->steps; i++) {
        stop->visit += pcs[i] == stop->pc;
    }
    stop->sum = stepper_sum(stepper);
}

/** Run a child to its end, and collect the stops. */
static STEPPER_UNUSED void stepper_trace(stepper_t *stepper)
{
    static unsigned long pcs[STEPPER_STEPS_MAX];
    char *before = malloc(stepper->size);
    pid_t pid = stepper_start(stepper);
    stepper_robust_t robust = stepper_robust(pid);

    assert_non_null(before);
    memcpy(before, stepper->mem, stepper->size);
    stepper->count = 0;
    stepper->steps = 0;
    while (stepper_step(pid)) {
        stepper_robust_t now = stepper_robust(pid);

        assert_true(stepper->steps < STEPPER_STEPS_MAX);
        pcs[stepper->steps++] = stepper_pc(pid);
        if (memcmp(before, stepper->mem, stepper->size) != 0 ||
            memcmp(&robust, &now, sizeof(now)) != 0) {
            memcpy(before, stepper->mem, stepper->size);
            robust = now;
            stepper_add_stop(stepper, pcs);
            if (stepper->look != NULL) {
                stepper->look(stepper->data);
            }
        }
    }
    stepper_end(pid);
    free(before);
}

/** Run a child up to a stop. */
static void stepper_run_to(pid_t pid, const stepper_stop_t *stop)
{
    long text = ptrace(PTRACE_PEEKTEXT, pid, stop->pc, NULL);
    unsigned visit = 0;

    for (;;) {
        ptrace(PTRACE_POKETEXT, pid, stop->pc,
               (text & ~0xfful) | STEPPER_BREAK);
        assert_int_equal(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
        assert_int_equal(stepper_wait(pid), SIGTRAP);
        assert_true(stepper_pc(pid) == stop->pc + 1);
        stepper_set_pc(pid, stop->pc);
        ptrace(PTRACE_POKETEXT, pid, stop->pc, text);
        /* a step of a string instruction may stay at its address */
        while (stepper_pc(pid) == stop->pc) {
            visit++;
            if (visit == stop->visit) {
                return;
            }
            assert_true(stepper_step(pid));
        }
    }
}

/** Start a child and run it up to a stop. */
static STEPPER_UNUSED pid_t stepper_stop(const stepper_t *stepper,
                                         const stepper_stop_t *stop)
{
    pid_t pid = stepper_start(stepper);

    stepper_run_to(pid, stop);
    assert_true(stepper_sum(stepper) == stop->sum);
    return pid;
}

/** Start a child, which dies at a stop. */
static STEPPER_UNUSED void stepper_die(const stepper_t *stepper,
                                       const stepper_stop_t *stop)
{
    stepper_end(stepper_stop(stepper, stop));
}

/* ---- where it is not possible ------------------------------------------- */

#if defined(__SANITIZE_THREAD__)
#define STEPPER_UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define STEPPER_UNDER_TSAN 1
#endif
#endif
#ifndef STEPPER_UNDER_TSAN
#define STEPPER_UNDER_TSAN 0
#endif

static void stepper_do_nothing(void *data)
{
    (void)data;
}

/** @return NULL, or why children cannot be stepped here */
static STEPPER_UNUSED const char *stepper_refusal(void)
{
    const stepper_t idle = {.run = stepper_do_nothing};
    int status;
    pid_t pid;

    if (STEPPER_BREAK == 0) {
        return "breakpoints are known for x86-64 only";
    }
    if (STEPPER_UNDER_TSAN) {
        return "ThreadSanitizer does not take the same steps each time";
    }
    pid = fork();
    if (pid == 0) {
        _exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
        return "ptrace is not allowed";
    }
    pid = stepper_start(&idle);
    status = ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL);
    if (status == 0) {
        status = stepper_wait(pid) != SIGTRAP;
    }
    stepper_end(pid);
    return status == 0 ? NULL : "there are no single steps";
}

/* ---- the main of a test ------------------------------------------------- */

#define STEPPER_ACTIONS_MAX 64

/**
 * Run a test once for each of some actions, or skip all of it.
 *
 * @param test     gets the address of an action in *state
 * @param actions  an array; const char *, the action's name, is the first
 *                 member of each
 * @param size     of an action, in bytes
 * @param seconds  no test program lives longer
 * @param last     one more test, or NULL
 * @return what main returns
 */
static STEPPER_UNUSED int stepper_main(CMUnitTestFunction test,
                                       const void *actions, size_t count,
                                       size_t size, unsigned seconds,
                                       const struct CMUnitTest *last)
{
    struct CMUnitTest tests[STEPPER_ACTIONS_MAX] = {{0}};
    const char *why = stepper_refusal();
    size_t i;

    if (why != NULL) {
        printf("1..0 # SKIP %s\n", why);
        return 0;
    }
    assert_true(count < STEPPER_ACTIONS_MAX);
    for (i = 0; i < count; i++) {
        const char *action = (const char *)actions + i * size;

        tests[i].name = *(const char *const *)action;
        tests[i].test_func = test;
        tests[i].initial_state = (void *)(uintptr_t)action;
    }
    if (last != NULL) {
        tests[count++] = *last;
    }
    alarm(seconds);
    return _cmocka_run_group_tests("steps", tests, count, NULL, NULL);
}

#endif
