using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace XClr.Data.Readers;

/// <summary>Collects the members of one key into a sample. Used again for the next shard. classes: what labels that are names are looked up in; null: they are none.</summary>
internal sealed class WebSampleBuilder(ShardHandles handles, ObjectPool<RawSample> samples, ClassList? classes)
{
    private const int MaxText = 1 << 20;
    private const int MostKnown = 64;
    private const int LongestKnown = 16;
    private static readonly HashSet<string> ImageKeys = new(StringComparer.Ordinal) { "jpg", "jpeg", "png", "webp" };

    // Lower-case extensions met so far, so that each is one string.
    private readonly HashSet<string> known = new(StringComparer.Ordinal);
    private readonly HashSet<string> extensions = new(StringComparer.Ordinal);
    private readonly TextList text = new(), label = new();
    private readonly JsonText json = new();
    private string shard = "";
    private bool inMemory, withText, hasClass;
    private RawSample? sample, finished;

    /// <summary>Begins with a shard. <paramref name="inMemory"/>: image bytes are read at once, since they cannot be later.</summary>
    public WebSampleBuilder Begin(string shard, bool inMemory, bool withText)
    {
        Forget();
        (this.shard, this.inMemory, this.withText, finished) = (shard, inMemory, withText, null);
        return this;
    }

    /// <summary>Adds a member; the sample before it is finished where the key changes.</summary>
    public void Add(TarReader tar, TarMember member)
    {
        // The key is the path up to the first dot of the file's name; the rest, in lower case, says what the member is.
        var name = tar.Name;
        var fileStart = name.LastIndexOf('/') + 1;
        var dot = name[fileStart..].IndexOf('.') + fileStart;
        if (dot <= fileStart)
        {
            return;
        }
        var extension = Extension(name[(dot + 1)..]);
        if (sample is null || !name[..dot].SequenceEqual(sample.KeyText) || !extensions.Add(extension))
        {
            Finish();
            sample = samples.Rent().Begin(name[..dot], shard);
            extensions.Add(extension);
        }
        tar.RequireWhole(member);
        if (ImageKeys.Contains(extension))
        {
            if (sample.Image is null)
            {
                AddImage(sample, tar, member);
            }
        }
        else if (withText && extension is "txt" or "json" or "cls" && member.Size <= MaxText)
        {
            AddText(extension, tar.Peek(member));
        }
    }

    /// <summary>Ends the current sample, so that <see cref="TakeFinished"/> gives it.</summary>
    public void Finish()
    {
        if (sample is not null)
        {
            finished = Complete(sample);
        }
        Forget();
    }

    /// <summary>Forgets the current sample.</summary>
    public void Drop()
    {
        sample?.Recycle();
        Forget();
    }

    /// <summary>The sample that was finished last, once.</summary>
    public RawSample? TakeFinished()
    {
        var finished = this.finished;
        this.finished = null;
        return finished;
    }

    private string Extension(ReadOnlySpan<char> written)
    {
        if (written.Length > LongestKnown)
        {
            return written.ToString().ToLowerInvariant();
        }
        Span<char> lower = stackalloc char[LongestKnown];
        lower = lower[..written.ToLowerInvariant(lower)];
        var known = this.known.GetAlternateLookup<ReadOnlySpan<char>>();
        if (known.TryGetValue(lower, out var extension))
        {
            return extension;
        }
        extension = lower.ToString();
        if (this.known.Count < MostKnown)
        {
            this.known.Add(extension);
        }
        return extension;
    }

    private void AddImage(RawSample sample, TarReader tar, TarMember member)
    {
        if (withText && inMemory)
        {
            var bytes = tar.ReadPooled(member);
            sample.Place<MemorySource>().Own(bytes, (int)member.Size);
        }
        else
        {
            sample.Place<ShardSource>().Set(handles, shard, member.Offset, member.Size);
        }
    }

    private void AddText(string extension, ReadOnlyMemory<byte> bytes)
    {
        switch (extension)
        {
            case "txt":
                text.AddClean(bytes.Span);
                break;
            case "cls":
                label.AddClean(bytes.Span);
                hasClass = true;
                break;
            default:
                json.Parse(bytes.Span);
                break;
        }
    }

    private RawSample Complete(RawSample sample)
    {
        AddCaptions(sample);
        // A text in json says nothing where there are no classes to look it up in: in many sets it names none.
        var written = hasClass ? label : classes is not null && json.LabelText.Count > 0 ? json.LabelText : null;
        var text = written is { Count: > 0 } ? written[0] : [];
        sample.Label = written is null ? json.Label : ClassList.Label(text, classes);
        if (sample.Image is null)
        {
            return sample.Break(SampleFault.NoImage, $"members: {string.Join(", ", extensions)}");
        }
        return written is not null && sample.Label is null ? sample.Break(SampleFault.BadLabel, $"'{text}' is no class index{(classes is null ? "; a classes file would say it" : $", and no class of '{classes.Path}'")}") : sample;
    }

    // The text before the json's caption, and either before the first of its captions.
    private void AddCaptions(RawSample sample)
    {
        var first = text.Count > 0 ? text : json.Caption;
        var main = first.Count > 0 ? json.Captions.IndexOf(first[0]) : 0;
        if (main < 0)
        {
            sample.AddCaption(first[0]);
        }
        for (var i = 0; i < json.Captions.Count; i++)
        {
            sample.AddCaption(json.Captions[i]);
        }
        sample.MainCaption = Math.Max(0, main);
    }

    private void Forget()
    {
        sample = null;
        text.Clear();
        label.Clear();
        hasClass = false;
        json.Clear();
        extensions.Clear();
    }
}

/// <summary>What a sample's json says: `caption` (a text or a list), `captions`, `label` (an integer or a text); of a name that comes twice the last counts. Used again for the next.</summary>
internal sealed class JsonText
{
    /// <summary>The caption, clean; one text or none.</summary>
    public TextList Caption { get; } = new();

    /// <summary>The captions, clean.</summary>
    public TextList Captions { get; } = new();

    /// <summary>The label where it is an integer.</summary>
    public int? Label { get; private set; }

    /// <summary>The label where it is a text, clean; one or none.</summary>
    public TextList LabelText { get; } = new();

    /// <summary>Forgets what was said.</summary>
    public void Clear()
    {
        Caption.Clear();
        Captions.Clear();
        LabelText.Clear();
        Label = null;
    }

    /// <summary>Reads UTF-8 json, invalid bytes replaced; what is not a valid object says nothing.</summary>
    public void Parse(ReadOnlySpan<byte> utf8)
    {
        while (utf8.StartsWith(Encoding.UTF8.Preamble))
        {
            utf8 = utf8[Encoding.UTF8.Preamble.Length..];
        }
        if (!Utf8.IsValid(utf8))
        {
            utf8 = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(utf8));
        }
        if (!TryRead(utf8) && PythonJson.WithNulls(utf8) is { } json)
        {
            TryRead(json);
        }
    }

    private bool TryRead(ReadOnlySpan<byte> utf8)
    {
        Clear();
        try
        {
            Read(utf8);
            return true;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: an escape that is half a surrogate pair.
            Clear();
            return false;
        }
    }

    private void Read(ReadOnlySpan<byte> utf8)
    {
        var reader = new Utf8JsonReader(utf8);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            return;
        }
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var (caption, captions, label) = (reader.ValueTextEquals("caption"u8), reader.ValueTextEquals("captions"u8), reader.ValueTextEquals("label"u8));
            reader.Read();
            if (caption)
            {
                Caption.Clear();
                Caption.AddClean(ref reader);
                AddAll(ref reader, Caption);
            }
            else if (captions)
            {
                Captions.Clear();
                AddAll(ref reader, Captions);
            }
            else if (label)
            {
                Label = reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out var index) ? index : null;
                LabelText.Clear();
                AddLabel(ref reader);
            }
            reader.Skip();
        }
        // What follows the object is an error.
        reader.Read();
        TakeList();
    }

    // A text with half a surrogate pair is no class's name; the rest of the object counts.
    private void AddLabel(ref Utf8JsonReader reader)
    {
        try
        {
            LabelText.AddClean(ref reader);
        }
        catch (InvalidOperationException)
        {
            LabelText.Clear();
        }
    }

    // A list under `caption` is among the captions, and its first is the caption.
    private void TakeList()
    {
        if (Caption.Count < 2)
        {
            return;
        }
        for (var i = 0; i < Caption.Count; i++)
        {
            if (Captions.IndexOf(Caption[i]) < 0)
            {
                Captions.Add(Caption[i]);
            }
        }
        Caption.Keep(1);
    }

    private static void AddAll(ref Utf8JsonReader reader, TextList texts)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            return;
        }
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            texts.AddClean(ref reader);
            reader.Skip();
        }
    }
}
