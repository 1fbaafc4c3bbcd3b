# Sourced by ./xclr, whose say, count and failures it uses: run_driver_tests.

# What runs on lavapipe: a test project, a name for the part of it, and which tests that is (nothing: all). Half of the time is one thread's, which compiles the kernels on matrices: they have a run of their own.
driver_runs=("XClr.Nn.Tests matrices FullyQualifiedName~Matri" "XClr.Nn.Tests others FullyQualifiedName!~Matri" "XClr.Gpu.Tests all"
  "XClr.Train.Tests steps FullyQualifiedName~TrainPlanTests|FullyQualifiedName~A_network_step_agrees|FullyQualifiedName~A_run_learns")

# Runs our tests in the driver root on its lavapipe, at each subgroup size, then the matrix over devices. Where the root cannot be made, all of them are skipped by name.
run_driver_tests() {
  local passed=0 failed=0 skipped=0 results=$build/drivers/results deadline=$((SECONDS + 40 * 60)) missing="" subgroup run i names=() files=()
  rm -rf "$results" && mkdir -p "$results"
  say "driver root"
  timeout --kill-after=10 20m "$root/tests/drivers/make_root.sh" >&2 || missing=$(cat "$build/drivers/missing" 2>/dev/null || echo "it could not be made in 20 minutes")
  # Only at 8 are there matrices, and that takes longest.
  for subgroup in 8 4 16; do
    for run in "${driver_runs[@]}"; do
      # shellcheck disable=SC2086 # A project, a part and a filter.
      run_on_lavapipe "$subgroup" $run
    done
  done
  wait # the page that the matrix writes counts the runs before it
  start "matrix of devices" matrix dotnet test tests/drivers/XClr.Drivers.Tests -c Release --no-build -nologo --logger "trx;LogFileName=matrix.trx" --results-directory "$results"
  wait
  for i in "${!files[@]}"; do
    count Counters total failed executed "$results/${files[i]}.trx" "$(<"$results/${files[i]}.log.rc")" "${names[i]}"
  done
  failures "$results"
  echo "$passed passed, $failed failed, $skipped skipped"
  [ "$failed" = 0 ]
}

# run_on_lavapipe SUBGROUP PROJECT PART [FILTER]
run_on_lavapipe() {
  local name="lavapipe, subgroups of $1: $2 ($3)" file=lavapipe-$1-$2-$3
  if [ "$1" = 16 ] && ! grep -qw avx512f /proc/cpuinfo; then
    skip "$name" "the CPU has no AVX-512"
  else
    start "$name" "$file" "$root/tests/drivers/in_root.sh" lavapipe LP_NATIVE_VECTOR_WIDTH=$(($1 * 32)) XCLR_VALIDATION=synchronization \
      dotnet test "$root/tests/$2/bin/Release/net10.0/$2.dll" --nologo ${4:+--filter "$4"} --logger "trx;LogFileName=$file.trx" --results-directory "$results"
  fi
}

# start NAME FILE COMMAND...: runs a test command beside at most one other; its results are FILE.trx.
start() {
  if [ -n "$missing" ] && [ "$2" != matrix ]; then
    skip "$1" "$missing"
    return
  fi
  say "$1"
  names+=("$1") files+=("$2")
  beside "$results/$2.log" limited "${@:3}"
}

# limited COMMAND...: ends it when the time for all of this is over, so that nothing that hangs can hold the caller.
limited() { timeout --kill-after=10 $((deadline > SECONDS ? deadline - SECONDS : 1)) "$@"; }

skip() {
  say "skipped: $1 ($2)"
  skipped=$((skipped + 1))
}
