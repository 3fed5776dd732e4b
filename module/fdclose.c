// SPDX-License-Identifier: GPL-2.0
/*
 * The close hook.
 *
 * However a descriptor is closed - close, dup2 over it, close_range, io_uring,
 * exec, exit - the kernel calls locks_remove_posix(file, table) once its slot
 * is empty and before it lets go of the file.  We are called there, through
 * ftrace, and drop the knotes of that descriptor.
 *
 * A registration in another thread may be under way at that moment:
 *
 *	registration			close
 *	publish the knote
 *	lock file_lock			lock file_lock
 *	read the slot			clear the slot
 *	unlock file_lock		unlock file_lock
 *					look for knotes
 *
 * Whoever has file_lock second sees what the other did: either we see that the
 * slot has changed and undo, or the closer sees the knote.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fdtable.h>
#include <linux/printk.h>

#include "compat/ftrace.h"
#include "fdclose.h"
#include "knote.h"

#define HOOKED		"locks_remove_posix"

static void notrace fdclose_hook(unsigned long ip, unsigned long parent_ip,
				 struct ftrace_ops *ops,
				 struct kq_ftrace_regs *regs)
{
	struct files_struct *files = (void *)kq_ftrace_arg(regs, 1);

	/* A file that the kernel opened for itself is in no table. */
	if (files)
		knote_fdclose_table((void *)kq_ftrace_arg(regs, 0), files);
}

static struct ftrace_ops fdclose_ops = {
	.func	= fdclose_hook,
	/* Nobody can switch it off through sysctl kernel.ftrace_enabled. */
	.flags	= KQ_FTRACE_FLAGS | FTRACE_OPS_FL_PERMANENT,
};

int fdclose_init(void)
{
	int error;

	error = ftrace_set_filter(&fdclose_ops, HOOKED, strlen(HOOKED), 1);
	if (!error)
		error = register_ftrace_function(&fdclose_ops);
	if (error) {
		kq_ftrace_free_filter(&fdclose_ops);
		pr_err("cannot trace " HOOKED " (%d): CONFIG_DYNAMIC_FTRACE, ftrace_enabled=1?\n",
		       error);
	}
	return error;
}

void fdclose_exit(void)
{
	unregister_ftrace_function(&fdclose_ops);
	kq_ftrace_free_filter(&fdclose_ops);
}
