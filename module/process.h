/* SPDX-License-Identifier: GPL-2.0 */
/* Processes: whether one has ended, how, and who may know. */
#ifndef _KQUEUE_PROCESS_H
#define _KQUEUE_PROCESS_H

#include <linux/types.h>

struct cred;
struct pid;
struct task_struct;

bool process_exited(struct pid *pid, const struct cred *cred, int *status);
int process_access(struct task_struct *task);
bool process_access_kept(const struct cred *cred);
bool process_is_child(struct task_struct *task);

#endif /* _KQUEUE_PROCESS_H */
