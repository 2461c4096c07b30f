/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Descriptors with numbers that select() cannot use. The module opens thousands
 * of them. With the lowest free numbers they would leave none below 1024 to
 * libraries of the same process that call select(), which writes beyond its
 * fd_set for a higher number.
 */
#ifndef ES_SHM_DESCRIPTOR_H
#define ES_SHM_DESCRIPTOR_H

/** The lowest number that is not for select(): FD_SETSIZE. */
#define ES_DESCRIPTOR_MIN 1024

/**
 * Copy a descriptor to a number from ES_DESCRIPTOR_MIN on, or to the lowest
 * free one if the limit of open files allows none. The copy is closed at exec.
 *
 * @return the copy, the caller's; -1 with errno if there is none
 *
 * Context of both: ANY.
 */
int es_descriptor_copy(int fd);

/**
 * Give a descriptor a number from ES_DESCRIPTOR_MIN on, closed at exec.
 *
 * @param fd  the caller's; closed if it was copied
 * @return the new number, or fd where none can be had, or fd is -1
 */
int es_descriptor_raise(int fd);

#endif
