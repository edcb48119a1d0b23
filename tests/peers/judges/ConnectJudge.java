// SPDX-License-Identifier: Apache-2.0
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.Iterator;
import java.util.Map;
import java.util.Objects;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.json.JsonConverter;

/**
 * Kafka Connect's JsonConverter, strictly. It alone is lenient: it reads "x" as the number 0, and drops fields
 * and words of a schema that it does not know. So what it understood is written again and must be the same,
 * schema and payload, but for the order of members.
 */
public class ConnectJudge {
	private static final ObjectMapper MAPPER = new ObjectMapper();

	/** A document that is not good; its message says why. */
	private static class Refusal extends Exception {
		Refusal(String why) {
			super(why);
		}
	}

	public static void main(String[] arguments) throws Exception {
		BufferedReader questions = new BufferedReader(new InputStreamReader(System.in));
		JsonConverter key = converter(true);
		JsonConverter value = converter(false);
		for (String line; (line = questions.readLine()) != null;) {
			JsonNode question = MAPPER.readTree(line);
			ObjectNode answer = MAPPER.createObjectNode();
			try {
				answer.put("value", check(question.get("key").booleanValue() ? key : value,
						question.get("document").binaryValue()));
			} catch (Refusal why) {
				answer.put("refused", why.getMessage());
			}
			System.out.println(MAPPER.writeValueAsString(answer));
		}
	}

	private static JsonConverter converter(boolean isKey) {
		JsonConverter converter = new JsonConverter();
		converter.configure(Map.of("schemas.enable", "true"), isKey);
		return converter;
	}

	/** The schema's name; null when it has none. */
	private static String check(JsonConverter converter, byte[] document) throws Exception {
		SchemaAndValue got;
		try {
			got = converter.toConnectData("any", document);
		} catch (RuntimeException why) { // DataException, mostly; a field of the wrong type is a ClassCastException
			throw new Refusal(why + (why.getCause() == null ? "" : ": " + why.getCause()));
		}
		if (got.schema() == null)
			throw new Refusal("there is no schema");
		JsonNode before = MAPPER.readTree(document);
		JsonNode after = MAPPER.readTree(converter.fromConnectData("any", got.schema(), got.value()));
		compare("", before, after);
		return got.schema().name();
	}

	/** Refuses at the first place where two documents differ. */
	private static void compare(String path, JsonNode before, JsonNode after) throws Refusal {
		if (Objects.equals(before, after))
			return;
		if (before == null || after == null || !before.isContainerNode() || before.size() != after.size()
				|| before.getNodeType() != after.getNodeType())
			throw new Refusal(path + ": " + before + " comes back as " + after);
		for (int i = 0; before.isArray() && i < before.size(); i++)
			compare(path + "/" + i, before.get(i), after.get(i));
		for (Iterator<String> names = before.fieldNames(); names.hasNext();) {
			String name = names.next();
			compare(path + "/" + name, before.get(name), after.get(name));
		}
	}
}
