using XClr.Nn.Optim;

namespace XClr.Nn.Tests.Optim;

public class ScheduleTests
{
    [Fact]
    public void Warm_up_rises_linearly_to_the_base_and_cosine_falls_to_zero()
    {
        var schedule = new Schedule(ScheduleKind.Cosine, 2.0, 100, 10);
        Assert.Equal(0.2, schedule.Rate(0), 12);
        Assert.Equal(2.0, schedule.Rate(9), 12);
        Assert.Equal(2.0, schedule.Rate(10), 12);
        Assert.Equal(1.0, schedule.Rate(55), 12);
        Assert.Equal(2.0 * 0.5 * (1 + Math.Cos(Math.PI * 89 / 90)), schedule.Rate(99), 12);
        Assert.Equal(schedule.Rate(99), schedule.Rate(1000));
    }

    [Fact]
    public void A_warm_up_of_the_whole_run_and_a_single_step_are_legal()
    {
        Assert.Equal(1.0, new Schedule(ScheduleKind.Cosine, 1.0, 5, 5).Rate(4), 12);
        Assert.Equal(1.0, new Schedule(ScheduleKind.Cosine, 1.0, 1).Rate(0), 12);
    }

    [Fact]
    public void Constant_and_step_schedules_follow_their_milestones()
    {
        Assert.Equal(0.3, new Schedule(ScheduleKind.Constant, 0.3, 7, 2).Rate(6), 12);
        var step = new Schedule(ScheduleKind.Step, 1.0, 100, 0, [30, 60], 0.1);
        Assert.Equal([1.0, 1.0, 0.1, 0.1, 0.01, 0.01], new long[] { 0, 29, 30, 59, 60, 99 }.Select(t => Math.Round(step.Rate(t), 12)));
    }

    [Theory]
    [InlineData(LrScaling.None, 0.075)]
    [InlineData(LrScaling.Linear, 0.3)]
    [InlineData(LrScaling.Sqrt, 2.4)]
    public void Scaling_rules_are_those_of_sim_CLR(LrScaling scaling, double expected) =>
        Assert.Equal(expected, Schedule.Scale(0.075, scaling, 1024), 12);

    [Fact]
    public void Impossible_schedules_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new Schedule(ScheduleKind.Cosine, double.NaN, 10));
        Assert.Throws<ArgumentException>(() => new Schedule(ScheduleKind.Cosine, 1, 10, 11));
        Assert.Throws<ArgumentException>(() => new Schedule(ScheduleKind.Step, 1, 10));
        Assert.Throws<ArgumentException>(() => new Schedule(ScheduleKind.Step, 1, 10, 0, [5, 5]));
        Assert.Throws<ArgumentException>(() => new Schedule(ScheduleKind.Constant, 1, 10).Rate(-1));
        Assert.Throws<ArgumentException>(() => Schedule.Scale(1, LrScaling.Linear, 0));
    }
}
