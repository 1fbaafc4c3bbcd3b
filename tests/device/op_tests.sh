#!/usr/bin/env bash
# op_tests.sh OUT          every op test on this machine's GPU, a process for each class, as many at a time as there are cores; OUT/tests-CLASS.trx and a line of counts each
set -uo pipefail
root=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../.." && pwd)
export root out=$1
if [ -d "$root/layer" ]; then export VK_LAYER_PATH=$root/layer XCLR_VALIDATION=${XCLR_VALIDATION-synchronization}; fi

# One test looks at the sources, which are not here.
one() { # one PROJECT CLASS
  local counts
  counts=$("$root/dotnet/dotnet" exec "$root/vstest/vstest.console.dll" "$root/tests/$1/bin/Release/net10.0/$1.dll" "--logger:trx;LogFileName=tests-$2.trx" "--ResultsDirectory:$out" "--TestCaseFilter:FullyQualifiedName~.$2.&FullyQualifiedName!~Query_commands_are_recorded_in_one_file${XCLR_TEST_FILTER:+&($XCLR_TEST_FILTER)}" 2>&1)
  grep -A12 -E '^ *Failed XClr' <<<"$counts" | head -n 60
  printf '%s: %s\n' "$2" "$(grep -E '^(Passed|Failed|Skipped)!' <<<"$counts")"
}
export -f one
xargs -P "$(nproc)" -L 1 bash -c 'one "$0" "$1"' <"$root/tests/classes"

# A class whose process ended before its results has failed too (with a filter it may have no test), and a run in which no test ran.
wrong=0
while read -r _ class; do
  if [ -z "${XCLR_TEST_FILTER-}" ] && ! [ -s "$out/tests-$class.trx" ]; then
    echo "$class: no results, its process ended early"
    wrong=1
  fi
done <"$root/tests/classes"
grep -q 'outcome="Passed"' "$out"/tests-*.trx || { echo "no test passed"; wrong=1; }
if grep -lq 'outcome="Failed"' "$out"/tests-*.trx; then wrong=1; fi
exit $wrong
