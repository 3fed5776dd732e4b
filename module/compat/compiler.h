/* SPDX-License-Identifier: GPL-2.0 */
/* What compilers are told. */
#ifndef _KQUEUE_COMPAT_COMPILER_H
#define _KQUEUE_COMPAT_COMPILER_H

/*
 * A large variable whose parts are written before they are read, one by one: a
 * kernel that sets all others to 0 first would spend more there than here.
 */
#ifndef __uninitialized
#if __has_attribute(__uninitialized__)
#define __uninitialized	__attribute__((__uninitialized__))
#else
#define __uninitialized
#endif
#endif

#endif /* _KQUEUE_COMPAT_COMPILER_H */
