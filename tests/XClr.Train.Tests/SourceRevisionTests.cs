namespace XClr.Train.Tests;

public sealed class SourceRevisionTests
{
    [Theory]
    [InlineData("0.1.0+4ac1", "4ac1")]
    [InlineData("0.1.0", null)]
    [InlineData("0.1.0+", null)]
    [InlineData(null, null)]
    public void The_revision_follows_the_plus_sign(string? version, string? revision) => Assert.Equal(revision, SourceRevision.Parse(version));
}
