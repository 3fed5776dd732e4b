// SPDX-License-Identifier: GPL-2.0
/*
 * NETDEV: the link of a network interface.
 *
 * As in BSD it is the link that is told of, not the flags of the interface.  A
 * link is up while frames can pass: the interface is administratively up and
 * has a carrier.  On Linux neither says anything without the other - one that
 * is down keeps the carrier that it had, and its changes are not announced -
 * so only both together are what BSD's drivers report.
 *
 * One notifier for all namespaces.  A link is hashed by its device, which is
 * compared and never used: an interface that goes, or moves to another
 * namespace, is announced with rtnl held, and takes its links out of the table
 * there.  So nothing is pinned: neither the device nor its namespace.
 *
 * Locks: rtnl, links_lock, a queue's lock.  Attaching takes rtnl, so that no
 * change comes between looking and watching; detaching does not.
 */
#include <linux/hash.h>
#include <linux/hashtable.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/nsproxy.h>
#include <linux/slab.h>

#include "compat/rtnl.h"
#include "filter.h"
#include "knote.h"

/* A user's knotes on one interface: what has to be told with rtnl held. */
#define LINKS_MAX	4096

/**
 * struct link - an interface that a knote watches
 * @node: links_lock: in the table while the interface is there
 * @dev: I: compared, not used
 * @kn: I: the knote
 * @state: q: NOTE_LINK*, as it stands
 */
struct link {
	struct hlist_node	node;
	struct net_device	*dev;
	struct knote		*kn;
	u32			state;
};

static DEFINE_HASHTABLE(links, 8);
static DEFINE_MUTEX(links_lock);

/* Caller holds rtnl. */
static u32 device_state(const struct net_device *dev)
{
	return dev->flags & IFF_UP && netif_carrier_ok(dev) ? NOTE_LINKUP :
							      NOTE_LINKDOWN;
}

/* Tell a knote where the link stands now. */
static void link_change(struct link *link, u32 state)
{
	struct knote *kn = link->kn;
	unsigned long flags;

	raw_spin_lock_irqsave(&kn->kn_kq->lock, flags);
	if (link->state != state) {
		link->state = state;
		if (state == NOTE_LINKINV) {
			/* Whether asked or not: there is nothing to wait for. */
			kn->kn_flags |= EV_EOF | EV_ONESHOT;
			kn->kn_fflags |= NOTE_LINKINV;
		}
		kn->kn_fflags |= kn->kn_sfflags & state;
		if (kn->kn_fflags)
			knote_activate(kn);
	}
	raw_spin_unlock_irqrestore(&kn->kn_kq->lock, flags);
}

/* Called with rtnl held: nothing here waits for a claim. */
static int netdev_event(struct notifier_block *nb, unsigned long event,
			void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);
	struct hlist_node *next;
	struct link *link;
	u32 state;

	switch (event) {
	case NETDEV_UP:
	case NETDEV_DOWN:
	case NETDEV_CHANGE:
		state = device_state(dev);
		break;
	case NETDEV_UNREGISTER:
		state = NOTE_LINKINV;
		break;
	default:
		return NOTIFY_DONE;
	}

	mutex_lock(&links_lock);
	hash_for_each_possible_safe(links, link, next, node,
				    (unsigned long)dev) {
		if (link->dev != dev)
			continue;
		link_change(link, state);
		if (state == NOTE_LINKINV)
			hash_del(&link->node);
	}
	mutex_unlock(&links_lock);
	return NOTIFY_DONE;
}

static struct notifier_block netdev_notifier = {
	.notifier_call = netdev_event,
};

int netdev_init(void)
{
	return register_netdevice_notifier(&netdev_notifier);
}

/* No knote is left. */
void netdev_exit(void)
{
	unregister_netdevice_notifier(&netdev_notifier);
}

/* Put a link in the table.  Returns 0 or -ENOMEM. */
static int link_hash(struct link *link)
{
	const struct kq_user *user = link->kn->kn_kq->user;
	const struct link *other;
	unsigned int n = 0;

	mutex_lock(&links_lock);
	hash_for_each_possible(links, other, node, (unsigned long)link->dev)
		n += other->dev == link->dev && other->kn->kn_kq->user == user;
	if (n < LINKS_MAX)
		hash_add(links, &link->node, (unsigned long)link->dev);
	mutex_unlock(&links_lock);
	return n < LINKS_MAX ? 0 : -ENOMEM;
}

/* Watch an interface.  Returns 0, -ENXIO or -ENOMEM.  Caller holds rtnl. */
static int link_add(struct link *link)
{
	struct knote *kn = link->kn;
	struct net_device *dev = NULL;
	unsigned long flags;
	int error;

	ASSERT_RTNL();
	if (kn->kn_id <= INT_MAX)
		dev = __dev_get_by_index(current->nsproxy->net_ns, kn->kn_id);
	if (!dev)
		return -ENXIO;
	link->dev = dev;
	link->state = device_state(dev);
	error = link_hash(link);
	if (error)
		return error;

	raw_spin_lock_irqsave(&kn->kn_kq->lock, flags);
	kn->kn_flags |= EV_CLEAR;
	kn->kn_hook = link;
	raw_spin_unlock_irqrestore(&kn->kn_kq->lock, flags);
	return 0;
}

static int netdev_attach(struct knote *kn)
{
	struct link *link = kzalloc(sizeof(*link), GFP_KERNEL_ACCOUNT);
	int error;

	if (!link)
		return -ENOMEM;
	link->kn = kn;
	error = kq_rtnl_lock_killable();
	if (!error) {
		error = link_add(link);
		rtnl_unlock();
	}
	if (error) {
		kfree(link);
		return error;
	}
	kn->kn_status &= ~KN_DETACHED;
	return 0;
}

static void netdev_detach(struct knote *kn)
{
	struct link *link = kn->kn_hook;

	mutex_lock(&links_lock);
	hash_del(&link->node);
	mutex_unlock(&links_lock);
	kfree(link);
}

/* As in BSD, a knote has nothing to report before something changes. */
static int netdev_fired(struct knote *kn, long hint)
{
	struct link *link = kn->kn_hook;

	kn->kn_data = link->state;
	return kn->kn_fflags != 0;
}

/*
 * Another namespace has others of these numbers, and one may come back.  An
 * interface that has gone is known by its number.
 */
static bool netdev_same(const struct knote *kn)
{
	const struct link *link = READ_ONCE(kn->kn_hook);
	const struct net_device *dev;

	if (!link)
		return true;
	dev = dev_get_by_index_rcu(current->nsproxy->net_ns, kn->kn_id);
	return link->state == NOTE_LINKINV ? !dev : dev == link->dev;
}

const struct filterops netdev_filtops = {
	.f_attach	= netdev_attach,
	.f_detach	= netdev_detach,
	.f_event	= netdev_fired,
	.f_same		= netdev_same,
};
