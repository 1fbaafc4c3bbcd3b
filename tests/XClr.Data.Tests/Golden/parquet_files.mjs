// Writes duckdb-v1.parquet, duckdb-v2.parquet, rust.parquet and hyparquet.parquet: three samples each, as other writers than the package that reads them lay them out.
// npm install @duckdb/node-api@1.5.6-r.1 parquet-wasm@0.8.0 apache-arrow@21.2.0 hyparquet-writer@0.17.0; node parquet_files.mjs
import fs from 'fs';
import * as arrow from 'apache-arrow';
import { DuckDBInstance } from '@duckdb/node-api';
import { parquetWriteBuffer } from 'hyparquet-writer';
import rust from 'parquet-wasm/node';

const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
const captions = ['a dog', 'two cats, asleep', 'ein Käfer'];

const connection = await (await DuckDBInstance.create()).connect();
await connection.run(`create table samples as select i::varchar as key, unhex('${png.toString('hex')}') as png, [${captions.map(c => `'${c}'`)}][i + 1] as caption, i::integer as label,
  i % 2 = 0 as flag, (i * 1.5)::decimal(9, 2) as price, timestamp '2026-11-28 12:00:00' as taken, [i, i + 1] as ids, {'a': i, 'b': 'x'} as pair, map {'k': i} as bag from range(3) r(i)`);
await connection.run(`copy samples to 'duckdb-v1.parquet' (format parquet, parquet_version v1, compression snappy)`);
await connection.run(`copy samples to 'duckdb-v2.parquet' (format parquet, parquet_version v2, compression zstd)`);

const table = new arrow.Table({
  key: arrow.vectorFromArray(['0', '1', '2'], new arrow.Utf8()), png: arrow.vectorFromArray([png, png, png], new arrow.Binary()),
  caption: arrow.vectorFromArray(captions, new arrow.Utf8()), label: arrow.vectorFromArray([0n, 1n, 2n], new arrow.Int64()), price: arrow.vectorFromArray([0, 1.5, 3], new arrow.Float64()),
});
const settings = new rust.WriterPropertiesBuilder().setCompression(rust.Compression.ZSTD).build();
fs.writeFileSync('rust.parquet', rust.writeParquet(rust.Table.fromIPCStream(arrow.tableToIPC(table, 'stream')), settings));

fs.writeFileSync('hyparquet.parquet', Buffer.from(parquetWriteBuffer({
  columnData: [
    { name: 'key', data: ['0', '1', '2'], type: 'STRING' }, { name: 'png', data: [png, png, png], type: 'BYTE_ARRAY' },
    { name: 'caption', data: captions, type: 'STRING' }, { name: 'label', data: [0, 1, 2], type: 'INT32' },
  ],
})));
