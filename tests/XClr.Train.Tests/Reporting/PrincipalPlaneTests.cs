using XClr.Train.Evaluation;
using XClr.Train.Reporting;

namespace XClr.Train.Tests.Reporting;

public class PrincipalPlaneTests
{
    [Fact]
    public void The_plane_is_that_of_the_two_largest_variances()
    {
        // About (5, 5, 5): squares of 8 along the first axis, 4.5 along the third, 2 along the second.
        var rows = RowMatrix.Of([7, 5, 5, 3, 5, 5, 5, 6, 5, 5, 4, 5, 5, 5, 6.5f, 5, 5, 3.5f], 3);
        var (places, explained) = PrincipalPlane.Of(rows);
        Assert.Equal(12.5 / 14.5, explained, 1e-6);
        Assert.Equal([2, 2, 0, 0, 0, 0], places.Select(p => Math.Round(Math.Abs(p.X), 5)));
        Assert.Equal([0, 0, 0, 0, 1.5, 1.5], places.Select(p => Math.Round(Math.Abs(p.Y), 5)));
        Assert.Equal(0, places.Sum(p => p.X) + places.Sum(p => p.Y), 1e-6);
    }

    [Fact]
    public void Equal_rows_lie_at_the_origin()
    {
        var (places, explained) = PrincipalPlane.Of(RowMatrix.Of([1, 2, 1, 2, 1, 2], 2));
        Assert.Equal([(0, 0), (0, 0), (0, 0)], places);
        Assert.Equal(0, explained);
    }
}
