# SPDX-License-Identifier: GPL-2.0
# What the logs of the programs say; "program" is set ahead of its own.
#
# A test's verdict is kqueue's, and epoll's tells whose fault it is: one that
# fails on epoll too is skipped.  Some tests are epoll's alone.

function verdict(result, back_end, name)
{
	# A name may come more than once.
	name = program ": " name
	if (seen[back_end, name]++)
		name = name " (" seen[back_end, name] ")"
	if (!known[name]++)
		names[++tests] = name
	results[back_end, name] = result
	count[program, back_end, result]++
}

FNR == 1 && programs[n] != program { programs[++n] = program }

/^(not )?ok (kqueue|epoll) / {
	result = $1 == "ok" ? "ok" : "not ok"
	back_end = $1 == "ok" ? $2 : $3
	verdict(result, back_end, substr($0, length(result " " back_end " ") + 1))
}

/^rate / {
	ratio = $NF > 0 ? sprintf("%.3f", $(NF - 1) / $NF) : "-"
	name = program ":"
	for (i = 2; i < NF - 1; i++)
		name = name " " $i
	rates[++r] = sprintf("%-64s %9d %9d %6s", name, $(NF - 1), $NF, ratio)
}

END {
	for (t = 1; t <= tests; t++) {
		result = results["kqueue", names[t]]
		if (result == "ok") {
			passed++
		} else if (result && results["epoll", names[t]] == result) {
			skipped++
			print "ok - " names[t] " # SKIP: fails on epoll too"
		} else if (result) {
			failed++
			print "not ok - " names[t]
		}
	}
	if (r)
		printf("\n%-64s %9s %9s %6s\n", "a second", "kqueue", "epoll", "ratio")
	for (i = 1; i <= r; i++)
		print rates[i]
	printf("\n%-32s %17s %17s\n", "", "kqueue", "epoll")
	printf("%-32s %8s %8s %8s %8s\n",
	       "program", "passed", "failed", "passed", "failed")
	for (i = 1; i <= n; i++)
		printf("%-32s %8d %8d %8d %8d\n", programs[i],
		       count[programs[i], "kqueue", "ok"],
		       count[programs[i], "kqueue", "not ok"],
		       count[programs[i], "epoll", "ok"],
		       count[programs[i], "epoll", "not ok"])
	printf("\n%d passed, %d failed, %d skipped\n", passed, failed, skipped)
	exit failed || !passed
}
