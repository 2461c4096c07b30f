/* SPDX-License-Identifier: Apache-2.0 */
/**
 * procs: processor time and memory of a process and all its descendants, read
 * from /proc. The caller must be their user, or root.
 */
#ifndef EB_PROCS_H
#define EB_PROCS_H

#include <stdint.h>
#include <sys/types.h>

/**
 * Processor time of root and all its descendants so far, dead ones that
 * were waited for included: user and system time, in microseconds (counted
 * by the kernel in ticks, usually of 10 ms, for each process).
 *
 * @return 0, or -1 when there is no such process
 */
int eb_procs_cpu_us(uint64_t *cpu_us, pid_t root);

/**
 * Memory of root and all its descendants: the sum of their proportional set
 * sizes (a page shared by n processes counts 1/n in each), in bytes. Pages of
 * files are left out: those of programs and libraries are shared with whoever
 * else runs them, so that the sum would change when another server starts.
 *
 * @return 0, or -1 when there is no such process or it cannot be read
 */
int eb_procs_pss_bytes(uint64_t *pss_bytes, pid_t root);

#endif
