# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# For scripts that make bare systems.

# source_of_packages SUITE: where this machine gets a suite's packages from; fails when it does not.
source_of_packages() {
	# shellcheck disable=SC2016 # apt's fields, not the shell's
	apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
		awk -v suite="$1" '$2 == suite && $3 == "main" { print $1; found = 1; exit } END { exit !found }' || {
		echo "this machine has no source of packages for $1" >&2
		return 1
	}
}
