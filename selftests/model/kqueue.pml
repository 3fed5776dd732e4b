/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The protocol of claim, activate, scan, close and delete, as the module has it.
 *
 * Each step names the function that it stands for.  What the code does under a
 * queue's lock is one atomic step: all that it touches is touched under that
 * lock alone.  What it does without is as many steps as there are looks at
 * something that others change: an object's data, a descriptor's slot.
 *
 * There are two descriptors, each of an object that has data or not.  Two
 * threads take events, one at a time; a third adds, changes and deletes the
 * knote of descriptor 0, which a fourth closes and opens again, as another file;
 * a fifth writes.  Descriptor 1 has its knote from the beginning and keeps it.
 *
 * MODE is LEVEL, CLEAR or ONESHOT: what kind of knote they are.  BREAK, if
 * defined, leaves out what the comment at its place says; see ./check.
 */
#define LEVEL	0
#define CLEAR	1
#define ONESHOT	2

#ifndef MODE
#define MODE	LEVEL
#endif
#ifndef BREAK
#define BREAK	0
#endif
/* How often is written, and how many changes are made. */
#ifndef WRITES
#define WRITES	2
#endif
#ifndef CHANGES
#define CHANGES	2
#endif

#define KNOTES	3	/* memory for so many; 0 is that of descriptor 1 */
#define SCANS	2
#define ITEMS	5	/* in the ready list: the knotes, and a marker each */
#define NONE	255
#define CLOSED	0	/* in a slot; else a file */

typedef knote_t {
	bool	used;		/* published at some time */
	bool	hashed;		/* in the look-up table */
	bool	fired;		/* KN_ACTIVE */
	bool	queued;		/* KN_QUEUED */
	bool	listed;		/* on the ready list */
	bool	claimed;	/* KN_CLAIMED */
	bool	dying;		/* KN_DYING */
	bool	waiting;	/* has its place on the object's wait queue */
	bool	freed;
	bool	grace;		/* to be freed after a grace period */
	bool	deleted;	/* EV_DELETE has returned */
	byte	fd;
	byte	file;
	byte	delivered;
};

knote_t kn[KNOTES];

byte	slot[2];		/* the descriptor table */
bool	data[2];		/* whether an object has some */
bool	unseen[2];		/* it came after the last event was sampled */
byte	writes[2];

byte	ready[ITEMS];		/* the ready list */
byte	length;			/* of it, markers included */
byte	nlisted;		/* kq->listed */
bool	standing[SCANS];	/* its marker is in the list */

bool	asleep[SCANS];		/* on kq->sleepers, and nobody has woken it */
bool	claim_waited;		/* for: until kq->claim_seq changes */
bool	hook_rcu;		/* the close hook is in its RCU section */
bool	writer_done, registrar_done, closer_done;
byte	i;			/* for use within a step */

#define MARKER(scan)	(KNOTES + (scan))
#define ALIVE(k)	assert(!kn[k].freed)

/*
 * The ready list
 */

inline list_add_tail(item)
{
	ready[length] = item;
	length++
}

inline list_add_head(item)
{
	i = length;
	do
	:: i > 0 -> ready[i] = ready[i - 1]; i--
	:: else -> break
	od;
	ready[0] = item;
	length++
}

inline list_del(item)
{
	i = 0;
	do
	:: ready[i] != item -> i++
	:: else -> break
	od;
	do
	:: i + 1 < length -> ready[i] = ready[i + 1]; i++
	:: else -> break
	od;
	length--;
	ready[length] = 0
}

/* scan_mark() */
inline marker_add(scan)
{
	list_add_tail(MARKER(scan));
	standing[scan] = true
}

inline marker_del(scan)
{
	if
	:: standing[scan] -> list_del(MARKER(scan)); standing[scan] = false
	:: else
	fi
}

/* kqueue_wake_sleeper() */
inline wake_sleeper()
{
	if
	:: asleep[0] -> asleep[0] = false
	:: asleep[1] -> asleep[1] = false
	:: !asleep[0] && !asleep[1]
	fi
}

/*
 * knote.c, with the queue locked
 */

/* knote_enqueue() */
inline knote_enqueue(k)
{
	kn[k].queued = true;
	kn[k].listed = true;
	nlisted++;
	list_add_tail(k);
	wake_sleeper()
}

/* knote_dequeue() */
inline knote_dequeue(k)
{
	if
	:: kn[k].queued ->
		kn[k].queued = false;
		if
		:: kn[k].listed ->
			kn[k].listed = false;
			nlisted--;
			list_del(k)
		:: else
		fi
	:: else
	fi
}

/* knote_activate() */
inline knote_activate(k)
{
	ALIVE(k);
	kn[k].fired = true;
	if
	:: !kn[k].queued && !kn[k].claimed && !kn[k].dying -> knote_enqueue(k)
	:: else
	fi
}

/* knote_unclaim() */
inline knote_unclaim(k, dead)
{
	ALIVE(k);
	claim_waited = false;
	dead = kn[k].dying;
	if
	:: kn[k].dying
	:: else ->
		kn[k].claimed = false;
		if
		:: kn[k].queued && !kn[k].listed ->
			kn[k].listed = true;
			nlisted++;
			list_add_tail(k);
			wake_sleeper()
		:: !kn[k].queued && kn[k].fired -> knote_enqueue(k)
		:: else
		fi
	fi
}

/* knote_kill() */
inline knote_kill(k, owned)
{
	ALIVE(k);
	owned = false;
	if
	:: kn[k].dying
	:: else ->
		knote_dequeue(k);
		kn[k].hashed = false;
		kn[k].dying = true;
		if
		:: kn[k].claimed
		:: else ->
			kn[k].claimed = true;
			owned = true
		fi
	fi
}

/*
 * Without a lock
 */

/* knote_drop(): f_detach() is remove_wait_queue(), knote_free() call_rcu() */
inline knote_drop(k)
{
	atomic { ALIVE(k); kn[k].waiting = false };
	atomic { ALIVE(k); kn[k].grace = true }
}

/* The end of a grace period: who was in an RCU section is out of it. */
proctype rcu()
{
end:	do
	:: atomic { !hook_rcu && kn[0].grace ->
		kn[0].grace = false; kn[0].freed = true }
	:: atomic { !hook_rcu && kn[1].grace ->
		kn[1].grace = false; kn[1].freed = true }
	:: atomic { !hook_rcu && kn[2].grace ->
		kn[2].grace = false; kn[2].freed = true }
	od
}

/*
 * A thread in kevent(), again and again.  Thread 1 may leave at any time and
 * not come back; thread 0 takes whatever there is.
 */
proctype scanner(byte me)
{
	byte k, fd;
	bool is_ready, dead, owned, took;

	/* kqueue_scan(), in which scan_single() is these steps for one knote */
scan:	atomic {
		took = false; is_ready = false; dead = false; owned = false;
		fd = 0; k = 0;
		marker_add(me)
	};
next:	atomic {
		/* scan_take() */
		k = NONE;
		do
		:: !standing[me] || ready[0] == MARKER(me) -> break
		:: else ->
			if
			:: ready[0] >= KNOTES -> marker_del(1 - me)
			:: else ->
				k = ready[0];
				ALIVE(k);
				kn[k].listed = false;
				nlisted--;
				list_del(k);
				if
				:: kn[k].claimed -> k = NONE
				:: else ->
					kn[k].claimed = true;
#if BREAK != 1
					kn[k].fired = false;
#endif
					break
				fi
			fi
		od;
		i = 0;
		if
		:: k == NONE -> marker_del(me); i = 0; goto sleep
		:: else -> fd = kn[k].fd
		fi
	};
	/* scan_deliver(): scan_ask() */
	atomic {
		ALIVE(k);
		is_ready = data[fd];
		unseen[fd] = false
	};
#if BREAK == 1
	/* KN_ACTIVE is cleared after the evaluation. */
	kn[k].fired = false;
#endif
	/* scan_closed() */
	if
	:: is_ready && slot[fd] != kn[k].file -> is_ready = false
	:: else
	fi;
	if
	:: !is_ready ->
		atomic {
			/* scan_settle(): knote_idle() */
			ALIVE(k);
			if
			:: kn[k].dying
			:: !kn[k].dying && slot[fd] != kn[k].file ->
				knote_kill(k, owned)
			:: else -> knote_dequeue(k)
			fi;
			knote_unclaim(k, dead)
		};
		if
		:: dead -> knote_drop(k)
		:: else
		fi;
		goto next
	:: else
	fi;
	/* scan_copy() */
	if
	:: true ->
		atomic {
			ALIVE(k);
			assert(!kn[k].deleted);
			kn[k].delivered = kn[k].delivered + (MODE != LEVEL);
			assert(MODE != ONESHOT || kn[k].delivered == 1);
			assert(MODE != CLEAR || k != 0 ||
			       kn[k].delivered <= writes[fd])
		};
		atomic {
			/* scan_settle(): knote_delivered() */
			took = true;
			if
			:: kn[k].dying
			:: !kn[k].dying && MODE == ONESHOT ->
				knote_kill(k, owned)
			:: !kn[k].dying && MODE == CLEAR -> knote_dequeue(k)
			:: !kn[k].dying && MODE == LEVEL ->
				kn[k].fired = true;
				kn[k].listed = true;
				nlisted++;
				list_add_tail(k)
			fi;
			knote_unclaim(k, dead)
		}
	:: true ->
		/* EFAULT: knote_restore() */
		atomic {
			ALIVE(k);
			if
			:: !kn[k].dying ->
				kn[k].fired = true;
				kn[k].listed = true;
				nlisted++;
				list_add_head(k);
				unseen[fd] = data[fd]
			:: else
			fi;
			knote_unclaim(k, dead);
			if
			:: nlisted -> wake_sleeper()
			:: else
			fi
		}
	fi;
	if
	:: dead -> knote_drop(k)
	:: else
	fi;
	/* No room for more: kqueue_scan() ends, kqueue_wait() returns. */
	d_step { marker_del(me); i = 0 };
	goto leave;

	/* kqueue_sleep(), sleep_begin() */
sleep:	atomic {
		if
		:: nlisted -> goto scan
		:: else -> asleep[me] = true
		fi
	};
end:	if
	:: !asleep[me] -> goto scan
	:: me == 1 ->		/* a signal, or its time is up */
		asleep[me] = false
	fi;

	/* The end of kqueue_scan(), or kqueue_pass_on() */
leave:	atomic {
#if BREAK != 2
		/* Nobody is woken for what is left behind. */
		if
		:: nlisted -> wake_sleeper()
		:: else
		fi;
#endif
		skip
	};
	/* The program: it reads what there is. */
	if
	:: took && MODE != CLEAR -> data[fd] = false
	:: else
	fi;
	if
	:: me == 1		/* and does not come back */
	:: true -> goto scan
	fi
}

/* Somebody writes; knote_fire() from the callback, under the wait queue's lock */
proctype writer()
{
	byte n, fd;

	do
	:: n < WRITES ->
		n++;
		if
		:: fd = 0
		:: fd = 1
		fi;
		atomic { data[fd] = true; unseen[fd] = true; writes[fd]++ };
		atomic {
			if
			:: kn[0].waiting && kn[0].fd == fd -> knote_activate(0)
			:: else
			fi;
			if
			:: kn[1].waiting && kn[1].fd == fd && slot[0] == kn[1].file -> knote_activate(1)
			:: else
			fi;
			if
			:: kn[2].waiting && kn[2].fd == fd && slot[0] == kn[2].file -> knote_activate(2)
			:: else
			fi;
			i = 0
		}
	:: else -> break
	od;
	writer_done = true
}

/* close(), then open() of another file that gets the same number */
proctype closer()
{
	byte k;
	bool owned;
	byte old;

	atomic { old = slot[0]; slot[0] = CLOSED };
	/* knote_fdclose_table(), in the hook */
	hook_rcu = true;
	k = 0;
	do
	:: k < KNOTES ->
		if
		:: kn[k].hashed && kn[k].file == old && slot[0] != old ->
			atomic {
#if BREAK == 3
				/* A claimed knote is left to itself. */
				if
				:: kn[k].claimed -> owned = false
				:: else -> knote_kill(k, owned)
				fi;
#else
				knote_kill(k, owned);
#endif
				i = 0
			};
			if
			:: owned -> knote_drop(k)
			:: else
			fi
		:: else
		fi;
		k++
	:: else -> break
	od;
	hook_rcu = false;
	atomic { slot[0] = old + 1; data[0] = false; unseen[0] = false };
	closer_done = true
}

/* Changes to descriptor 0: kqueue_register() */
proctype registrar()
{
	byte n, k, new, fp;
	bool adds, is_ready, dead, owned;

	new = 1;
change:	if
	:: n == CHANGES || new == KNOTES -> goto done
	:: else -> n++
	fi;
	if
	:: adds = true
	:: adds = false
	fi;
	fp = slot[0];			/* fget() */
	if
	:: fp == CLOSED -> goto change
	:: else
	fi;
again:	atomic {
		/* kqueue_claim() */
		k = NONE;
		if
		:: kn[1].hashed && kn[1].file == fp -> k = 1
		:: kn[2].hashed && kn[2].file == fp -> k = 2
		:: else
		fi;
		if
		:: k != NONE && kn[k].claimed -> claim_waited = true; goto wait
		:: k != NONE && !kn[k].claimed ->
			if
			:: !adds -> knote_kill(k, owned)
			:: else
			fi;
			kn[k].claimed = true
		:: k == NONE && adds ->
			/* knote_publish() */
			kn[new].used = true;
			kn[new].claimed = true;
			kn[new].hashed = true;
			kn[new].file = fp;
			kn[new].fd = 0
		:: else -> goto change	/* ENOENT */
		fi;
		i = 0
	};
	if
	:: k == NONE -> k = new; new++; goto attach
	:: k != NONE && !adds ->
		knote_drop(k);
		kn[k].deleted = true;
		goto change
	:: else
	fi;

	/* knote_modify(): file_sample() */
	is_ready = data[0];
	goto settle;

wait:	!claim_waited;
	goto again;

	/* knote_attach() */
attach:
#if BREAK != 4
	/* Whether the file still stands in its slot is not looked at again. */
	is_ready = slot[0] == fp;
	if
	:: !is_ready ->
		/* knote_withdraw() */
		atomic {
			knote_kill(k, owned);
			knote_unclaim(k, dead);
			i = 0
		};
		knote_drop(k);
		goto change
	:: else
	fi;
#endif
	/* file_attach() */
	kn[k].waiting = true;
	is_ready = data[0];

	/* knote_fire() or knote_settle() */
settle:	atomic {
		if
		:: is_ready && !kn[k].dying -> kn[k].fired = true
		:: else
		fi;
		knote_unclaim(k, dead);
		i = 0
	};
	if
	:: dead -> knote_drop(k)
	:: else
	fi;
	goto change;
done:	registrar_done = true
}

#define GOOD(k) \
	(!kn[k].used || kn[k].freed || kn[k].hashed) && \
	(!kn[k].hashed || !kn[k].claimed) && \
	(!kn[k].hashed || slot[kn[k].fd] == kn[k].file) && \
	(!kn[k].hashed || MODE != LEVEL || !data[kn[k].fd]) && \
	(!kn[k].hashed || MODE == LEVEL || !unseen[kn[k].fd])

/*
 * When nobody goes on: everybody has come to the end of what it does, whoever
 * sleeps has nothing to do, every knote is in its place or freed, and none has
 * anything to tell.
 */
init {
	atomic {
		slot[0] = 1;
		slot[1] = 9;
		kn[0].used = true;
		kn[0].hashed = true;
		kn[0].waiting = true;
		kn[0].fd = 1;
		kn[0].file = 9;
		run rcu();
		run scanner(0);
		run scanner(1);
		run writer();
		run closer();
		run registrar()
	};
	timeout;
	assert(writer_done && closer_done && registrar_done);
	assert(!nlisted);
	assert(GOOD(0));
	assert(GOOD(1));
	assert(GOOD(2))
}
