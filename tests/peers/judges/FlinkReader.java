// SPDX-License-Identifier: Apache-2.0
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.types.Row;
import org.apache.flink.util.CloseableIterator;

/**
 * FlinkReader FILE COLUMNS OPTIONS: reads a file of records in Flink's format debezium-json, inside this
 * process, and prints the rows that its changelog has: +I, -U, +U or -D and the columns' texts, with tabs between.
 * COLUMNS and OPTIONS are SQL. When Flink refuses a record it ends with status 3, and the reasons on standard error.
 */
public class FlinkReader {
	public static void main(String[] arguments) throws Exception {
		TableEnvironment tables = TableEnvironment.create(EnvironmentSettings.inStreamingMode());
		tables.getConfig().set("parallelism.default", "1");
		tables.executeSql("CREATE TABLE records (" + arguments[1] + ") WITH ('connector'='filesystem','path'='"
				+ arguments[0] + "','format'='debezium-json'" + arguments[2] + ")");
		try (CloseableIterator<Row> rows = tables.executeSql("SELECT * FROM records").collect()) {
			while (rows.hasNext())
				print(rows.next());
		} catch (RuntimeException why) {
			for (Throwable cause = why; cause != null; cause = cause.getCause())
				System.err.println(cause);
			System.exit(3);
		}
		System.out.flush();
		System.exit(0);
	}

	private static void print(Row row) {
		StringBuilder line = new StringBuilder(row.getKind().shortString());
		for (int i = 0; i < row.getArity(); i++)
			line.append('\t').append(row.getField(i));
		System.out.println(line);
	}
}
