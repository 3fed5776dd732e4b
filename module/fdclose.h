/* SPDX-License-Identifier: GPL-2.0 */
/* Knotes go with their descriptor: the hook on every close. */
#ifndef _KQUEUE_FDCLOSE_H
#define _KQUEUE_FDCLOSE_H

int fdclose_init(void);
void fdclose_exit(void);

#endif /* _KQUEUE_FDCLOSE_H */
