// A device is not thread-safe, runs measure themselves, and the machine is small: one test at a time.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
