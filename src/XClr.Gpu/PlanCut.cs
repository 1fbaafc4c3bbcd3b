namespace XClr.Gpu;

/// <summary>Where a segment of a plan begins: at a dispatch, or inside it, at one of the equal parts of its workgroups (<see cref="Part"/> 0 to <see cref="Parts"/> - 1). Cuts of one dispatch name the same number of parts.</summary>
public readonly record struct PlanCut(int Dispatch, int Part = 0, int Parts = 1)
{
    /// <summary>
    /// Segments that take a budget each at most, by what their dispatches should take. A dispatch that takes longer is divided, as far as it has workgroups; its last part shares its segment with what follows. No segment goes over a loop's ends.
    /// </summary>
    /// <param name="dispatches">A plan's, in the order in which they run.</param>
    /// <param name="caps">The device's.</param>
    /// <param name="time">What a dispatch takes, by its index; in the budget's unit, above 0.</param>
    /// <param name="budget">Above 0.</param>
    /// <param name="mostParts">Into how many parts one dispatch may be divided.</param>
    /// <param name="join">False: none shares its segment with those before it.</param>
    internal static IReadOnlyList<PlanCut> Within(IReadOnlyList<Dispatch> dispatches, DeviceCaps caps, Func<int, double> time, double budget, uint mostParts = uint.MaxValue, bool join = true)
    {
        var starts = new List<PlanCut>();
        var used = 0.0;
        for (var i = 0; i < dispatches.Count; i++)
        {
            used += time(i);
            if (i > 0 && join && used <= budget && !LoopEdge(dispatches, i))
            {
                continue;
            }
            var parts = PartRange.Count(dispatches[i], caps, time(i) / budget, mostParts);
            starts.AddRange(Enumerable.Range(0, parts).Select(part => new PlanCut(i, part, parts)));
            used = time(i) / parts;
        }
        return starts;
    }

    /// <summary>True where a loop begins or ends before the dispatch: what runs before it is then more than what stands before it.</summary>
    internal static bool LoopEdge(IReadOnlyList<Dispatch> dispatches, int dispatch) => dispatch > 0 && !ReferenceEquals(dispatches[dispatch].Loop, dispatches[dispatch - 1].Loop);
}

/// <summary>The parts From to To (exclusive) of a dispatch that is divided into so many.</summary>
internal readonly record struct PartRange(int From, int To, int Parts)
{
    public static PartRange Whole { get; } = new(0, 1, 1);

    /// <summary>What a segment runs of a dispatch that lies in it, or partly.</summary>
    private static PartRange Of(int dispatch, PlanCut first, PlanCut end)
    {
        var from = dispatch == first.Dispatch ? first.Part : 0;
        return dispatch == end.Dispatch ? new(from, end.Part, end.Parts) : dispatch == first.Dispatch ? new(from, first.Parts, first.Parts) : Whole;
    }

    /// <summary>The dispatches from one cut to the next, and what of each lies between them.</summary>
    public static IEnumerable<(int Dispatch, PartRange Part)> Between(PlanCut first, PlanCut end)
    {
        for (var i = first.Dispatch; i < end.Dispatch || (i == end.Dispatch && end.Part > 0); i++)
        {
            yield return (i, Of(i, first, end));
        }
    }

    /// <summary>Into how many parts a dispatch is divided that takes so many budgets: as many, as far as it has workgroups.</summary>
    public static int Count(Dispatch dispatch, DeviceCaps caps, double budgets, uint most = uint.MaxValue) =>
        (int)Math.Clamp(Math.Ceiling(budgets), 1, Math.Min(Most(Plan.Grid(dispatch.Groups, caps.MaxComputeWorkGroupCount)), most));

    /// <summary>Into how many parts a grid can be divided: the extent of its outermost axis that has any.</summary>
    public static uint Most((uint X, uint Y, uint Z) grid) => grid.Z > 1 ? grid.Z : grid.Y > 1 ? grid.Y : grid.X;

    /// <summary>
    /// The parts as workgroups of a grid, for vkCmdDispatchBase. Only the outermost axis that has any extent is divided: flat_group() of common/grid.glsl multiplies by the numbers of workgroups of the inner axes alone,
    /// so it is the same in a part as in the whole.
    /// </summary>
    public ((uint X, uint Y, uint Z) From, (uint X, uint Y, uint Z) Count) Of((uint X, uint Y, uint Z) grid)
    {
        var extent = Most(grid);
        var from = (uint)((long)extent * From / Parts);
        var count = (uint)((long)extent * To / Parts) - from;
        return grid.Z > 1 ? ((0, 0, from), (grid.X, grid.Y, count)) : grid.Y > 1 ? ((0, from, 0), (grid.X, count, 1)) : ((from, 0, 0), (count, 1, 1));
    }
}
