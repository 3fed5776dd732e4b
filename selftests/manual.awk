# SPDX-License-Identifier: GPL-2.0
# awk -v out=DIR -f manual.awk PAGE…: the programs among the examples of manual
# pages, each as DIR/PAGE-NUMBER.c, and what the page says that it prints as
# DIR/PAGE-NUMBER.out.  A program without that is an error.

FNR == 1 {
	n = split(FILENAME, path, "/")
	page = path[n]
	number = 0
}

/^\.Sh / {
	examples = /EXAMPLES/
}

/^\.Ed/ {
	if (name)
		close(name)
	name = ""
}

name {
	gsub(/\\&/, "")
	gsub(/\\e/, "\\")
	print >name
}

/^\.Bd -literal/ && examples {
	if (program) {
		name = program ".out"
		program = ""
	} else {
		program = out "/" page "-" ++number
		name = program ".c"
	}
}

# A section follows the examples in every page.
/^\.Sh / && program {
	print page ": nothing said of what example " number " prints" >"/dev/stderr"
	exit 1
}
