// SPDX-License-Identifier: GPL-2.0
/* The module of the version before: what is upgraded is the device alone. */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

static const struct file_operations older_fops = {
	.owner	= THIS_MODULE,
};

static struct miscdevice older_device = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "kqueue",
	.fops	= &older_fops,
	.mode	= 0666,
};

module_misc_device(older_device);

MODULE_DESCRIPTION("A version of kqueue that has no calls");
MODULE_LICENSE("GPL");
MODULE_VERSION(KQ_VERSION);
