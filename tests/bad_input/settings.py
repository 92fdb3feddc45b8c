"""What people get wrong in their settings and in the environment."""

from .cases import Case
from .command_line import WAYS_OUT, case

TITLE = "Settings and environment"
SECRET = "sk-ant-sesame-0123456789"


def file(id, text, says, **more):
    """A settings file that is wrong."""
    return Case(id=id, says=says, arguments=("x", "--config", "c.yaml"), files={"c.yaml": text}, **more)


def found(id, text, says, **more):
    """A settings file that lies in the folder."""
    return Case(id=id, says=says, arguments=("x",), files={"config/config.yaml": text}, **more)


def given(id, says, *changes, **more):
    """Changes on the command line that are wrong."""
    arguments = ("x", *(word for change in changes for word in ("--set", change)))
    return Case(id=id, says=says, arguments=arguments, **more)


def around(id, says, *arguments, **variables):
    """Variables that are wrong."""
    return Case(id=id, says=says, arguments=("x", *arguments), variables=variables)


FILES = [
    Case(
        id="settings that are not there",
        says="the settings nowhere.yaml can't be read: No such file or directory; name another file",
        arguments=("x", "--config", "nowhere.yaml"),
    ),
    Case(
        id="settings that are a folder",
        says="the settings . can't be read: Is a directory; name another file",
        arguments=("x", "--config", "."),
    ),
    Case(
        id="broken settings at home",
        says="the settings ~/.l2mac/config.yaml are no valid YAML: line 1, column 7: expected the node content, but "
        "found '<stream end>'",
        arguments=("x",),
        home="llm: [",
    ),
    file(
        "an open bracket",
        "llm: [\n",
        "the settings c.yaml are no valid YAML: line 2, column 1: expected the node content, but found '<stream end>'",
    ),
    file(
        "a tab",
        "llm:\n\tmodel: x\n",
        "the settings c.yaml are no valid YAML: line 2, column 1: a tab stands where only spaces may",
    ),
    file(
        "a control character",
        "llm: \x01",
        "the settings c.yaml are no valid YAML: unacceptable character #x0001: special characters are not allowed",
    ),
    file("nesting without end", "x: " + "[" * 3000, "the settings c.yaml are no valid YAML: it is nested too deeply"),
    file(
        "a tag that would run something",
        "!!python/object/apply:os.system [touch ran]",
        "the settings c.yaml are no valid YAML: line 1, column 1: could not determine a constructor for the tag "
        "'tag:yaml.org,2002:python/object/apply:os.system'",
    ),
    file("a list", "- llm\n", "the settings c.yaml must be a mapping, such as `llm:` with `model:` below it"),
    file("prose", "use gpt-5 please", "the settings c.yaml must be a mapping, such as `llm:` with `model:` below it"),
    file("no UTF-8", b"\xff\xfel\x00", "the settings c.yaml are not UTF-8 text; save them as UTF-8"),
    file(
        "an unknown setting",
        "llm:\n  modle: x\n",
        "there is no setting 'llm.modle' (in c.yaml); did you mean llm.model?",
    ),
    file("an unknown section", "lmm:\n  model: x\n", "there is no setting 'lmm' (in c.yaml); did you mean llm.model?"),
    file(
        "a setting outside its section",
        "model: gpt-5\n",
        "there is no setting 'model' (in c.yaml); did you mean llm.model?",
    ),
    file(
        "a key outside its section",
        f"api_key: {SECRET}\n",
        "there is no setting 'api_key' (in c.yaml); did you mean llm.api_key?",
    ),
    file("a number for a name", "1: 2\n", "there is no setting '1' (in c.yaml); `l2mac config show` lists them all"),
    file(
        "a value for a section",
        "llm: gpt-5\n",
        "the setting llm (in c.yaml) is wrong: it must be a section with keys below it, not 'gpt-5'",
    ),
    file(
        "a number for a model",
        "llm:\n  model: 5\n",
        "the setting llm.model (in c.yaml) is wrong: it must be text, not '5'",
    ),
    file(
        "a number for a key",
        "llm:\n  api_key: 12345678\n",
        "the setting llm.api_key (in c.yaml) is wrong: it must be text",
    ),
    file(
        "a word for a number",
        "llm:\n  window: many\n",
        "the setting llm.window (in c.yaml) is wrong: it must be a whole number, not 'many'",
    ),
    file(
        "half a step",
        "run:\n  steps: 2.5\n",
        "the setting run.steps (in c.yaml) is wrong: it must be a whole number, not '2.5'",
    ),
    file(
        "a word for yes or no",
        "run:\n  tests: perhaps\n",
        "the setting run.tests (in c.yaml) is wrong: it must be true or false, not 'perhaps'",
    ),
    file(
        "dollars with their name",
        "budget:\n  cost: 10 dollars\n",
        "the setting budget.cost (in c.yaml) is wrong: it must be a number, not '10 dollars'",
    ),
    file(
        "a budget without end",
        "budget:\n  cost: .inf\n",
        "the setting budget.cost (in c.yaml) is wrong: it must be a number with an end, not 'inf'",
    ),
    file(
        "a window that is too small",
        "llm:\n  window: 10\n",
        "the setting llm.window (in c.yaml) is wrong: it must be greater than or equal to 2000, not '10'",
    ),
    file(
        "too much heat",
        "llm:\n  temperature: 9\n",
        "the setting llm.temperature (in c.yaml) is wrong: it must be less than or equal to 2, not '9'",
    ),
    file(
        "an api_type that is not there",
        f"llm:\n  api_type: gpt\n  api_key: {SECRET}\n",
        "the setting llm.api_type (in c.yaml) is wrong: it must be 'auto', 'openai', 'azure', 'litellm', 'command', "
        "'manual' or 'tape', not 'gpt'",
    ),
    file(
        "an address without http",
        "llm:\n  base_url: localhost:11434\n",
        "the setting llm.base_url (in c.yaml) is wrong: it must be an address such as http://localhost:11434/v1, "
        "not 'localhost:11434'",
    ),
    file(
        "an address without a host",
        "llm:\n  base_url: http://\n",
        "the setting llm.base_url (in c.yaml) is wrong: it must be an address such as http://localhost:11434/v1, "
        "not 'http://'",
    ),
    file(
        "an address with half a bracket",
        "llm:\n  base_url: http://[::1\n",
        "the setting llm.base_url (in c.yaml) is wrong: it must be an address such as http://localhost:11434/v1, "
        "not 'http://[::1'",
    ),
    file(
        "an address with a word for its port",
        "llm:\n  base_url: http://a:port/v1\n",
        "the setting llm.base_url (in c.yaml) is wrong: it must be an address such as http://localhost:11434/v1, "
        "not 'http://a:port/v1'",
    ),
]
CHANGES = [
    given(
        "--set without a value",
        "--set 'window' is not of the form section.key=value, such as llm.model=gpt-5",
        "window",
    ),
    given("--set without a name", "--set '=3' is not of the form section.key=value, such as llm.model=gpt-5", "=3"),
    given(
        "--set of an unknown setting",
        "there is no setting 'llm.modle' (in --set); did you mean llm.model?",
        "llm.modle=x",
    ),
    given("--set below a setting", "there is no setting 'llm.window.x'; did you mean llm.window?", "llm.window.x=3"),
    given(
        "--set of a section",
        "the setting llm (in --set) is wrong: it must be a section with keys below it, not 'gpt-5'",
        "llm=gpt-5",
    ),
    given(
        "--set of an empty address",
        "the setting llm.base_url (in --set) is wrong: it must be an address such as http://localhost:11434/v1, not ''",
        "llm.base_url=",
    ),
    given(
        "--set of a wrong value, with settings at home",
        "the setting llm.window (in --set) is wrong: it must be a whole number, not 'many'",
        "llm.window=many",
        home="llm: {model: m}\n",
    ),
    given(
        "a wheelhouse that is not there",
        "the setting packages.wheelhouse (in --set) is wrong: it must be a folder that holds wheels, not 'wheels'",
        "packages.wheelhouse=wheels",
    ),
    given(
        "no room for environments",
        "the setting packages.cache (in --set) is wrong: it must be greater than 0, not '0'",
        "packages.cache=0",
    ),
    given(
        "a number for a list of packages",
        "the setting packages.deny (in --set) is wrong: it must be a list, not '3'",
        "packages.deny=3",
    ),
    given(
        "a key that holds a line break",
        "the key holds characters that no key has; paste it again (llm.api_key, or the variable it comes from)",
        f"llm.api_key={SECRET}\nabc",
        "llm.model=claude-x",
    ),
    given(
        "a key that holds a letter no key has",
        "the key holds characters that no key has; paste it again (llm.api_key, or the variable it comes from)",
        f"llm.api_key={SECRET}ü",
        "llm.api_type=litellm",
        "llm.model=a/b",
    ),
    given(
        "one provider's key for another's api_type",
        "llm.api_key is a key of anthropic, but llm.api_type is openai; set llm.api_type to auto, or "
        "llm.base_url to where the key belongs",
        f"llm.api_key={SECRET}",
        "llm.api_type=openai",
    ),
    given(
        "one provider's key for another's model",
        "llm.api_key is a key of anthropic, but gpt-5 is a model of openai; set the key or the model of the other",
        f"llm.api_key={SECRET}",
        "llm.model=gpt-5",
    ),
    given(
        "OpenAI's key for Anthropic's model",
        "llm.api_key is a key of openai, but claude-sonnet-4-5 is a model of anthropic; set the key or the model "
        "of the other",
        "llm.api_key=sk-proj-sesame",
        "llm.model=claude-sonnet-4-5",
    ),
    given(
        "openai without a key",
        f"OPENAI_API_KEY is not set, and neither is llm.api_key; export it, or:\n{WAYS_OUT}",
        "llm.api_type=openai",
    ),
    given(
        "azure without an address",
        "llm.api_type is azure: set llm.base_url to your resource, https://NAME.openai.azure.com",
        "llm.api_type=azure",
    ),
    given(
        "azure without a version",
        "Azure needs llm.base_url, llm.api_version and llm.api_key",
        "llm.base_url=https://a.openai.azure.com",
        "llm.model=m",
    ),
    given(
        "litellm without a model",
        "llm.api_type is litellm, but no model is named; pass --model PROVIDER/NAME",
        "llm.api_type=litellm",
    ),
    given(
        "an address without a model",
        "no model is named; pass --model NAME, or set llm.model",
        "llm.base_url=http://127.0.0.1:9/v1",
    ),
    given(
        "a model whose key is not there",
        "claude-sonnet-4-5 is a model of anthropic, and ANTHROPIC_API_KEY is not set; export it",
        "llm.model=claude-sonnet-4-5",
    ),
    given("a tape that is not named", "llm.api_type is tape, but llm.tape names no file", "llm.api_type=tape"),
    given(
        "a tape that is not there",
        "the tape nowhere.jsonl cannot be read: No such file or directory; name another with llm.tape",
        "llm.tape=nowhere.jsonl",
    ),
    given(
        "a tape that is a folder", "the tape . cannot be read: Is a directory; name another with llm.tape", "llm.tape=."
    ),
    *(
        given(f"a tape {id}", says, "llm.tape=t.jsonl", files={"t.jsonl": text})
        for id, text, says in [
            ("with nothing in it", "", "t.jsonl is not a tape that can be played: line 1: it is not JSON"),
            (
                "that is no tape",
                '{"hello": 1}\n',
                't.jsonl is not a tape that can be played: line 1: the first line must be a header with "tape": 1',
            ),
            ("that is no UTF-8", b"\xff", "t.jsonl is not a tape that can be played: it is not UTF-8 text"),
            (
                "that breaks off",
                '{"tape": 1}\n{"place": "1/I0',
                "t.jsonl is not a tape that can be played: line 2: it is not JSON",
            ),
            (
                "whose reply is empty",
                '{"tape": 1}\n{"place": "1/I0/0/1", "digest": "", "reply": {}}\n',
                "t.jsonl is not a tape that can be played: line 2: reply lacks 'content'",
            ),
        ]
    ),
    given(
        "a tape that ends too early",
        "tape n has no reply for I0/0/1 (instruction/attempt/turn); take another tape or model; "
        "then `l2mac resume …/workspace/x` goes on",
        "llm.tape=t.jsonl",
        files={"t.jsonl": '{"tape": 1, "name": "n"}\n'},
        code=3,
        makes=("workspace",),
    ),
    given(
        "requests to a folder that can't be made",
        "the request can't be written to f/g (Not a directory); name another with llm.folder; then `l2mac resume "
        "…/workspace/x` goes on",
        "llm.api_type=manual",
        "llm.folder=f/g",
        files={"f": ""},
        makes=("workspace",),
    ),
]
VARIABLES = [
    around(
        "a misspelt variable of ours",
        "the environment sets L2MAC_LLM_MODLE, which is no setting; did you mean L2MAC_LLM_MODEL?",
        L2MAC_LLM_MODLE="x",
    ),
    around(
        "a variable with a wrong value",
        "the setting llm.window (in L2MAC_LLM_WINDOW) is wrong: it must be a whole number, not 'many'",
        L2MAC_LLM_WINDOW="many",
    ),
    around("a key of spaces", WAYS_OUT, OPENAI_API_KEY="   "),
    around(
        "a variable's key that holds a line break",
        "the key holds characters that no key has; paste it again (llm.api_key, or the variable it comes from)",
        OPENAI_API_KEY="sk-ab\ncd",
    ),
    around(
        "a variable's key that no header can carry",
        "the key holds characters that no key has; paste it again (llm.api_key, or the variable it comes from)",
        OPENAI_API_KEY="schlüssel",
    ),
    around(
        "Anthropic's key in OpenAI's variable",
        "OPENAI_API_KEY holds a key of anthropic; export it as ANTHROPIC_API_KEY",
        OPENAI_API_KEY=SECRET,
    ),
    around(
        "OpenAI's key in Anthropic's variable",
        "ANTHROPIC_API_KEY holds a key of openai; export it as OPENAI_API_KEY",
        ANTHROPIC_API_KEY="sk-proj-sesame",
    ),
    around(
        "OPENAI_BASE_URL that is no address",
        "OPENAI_BASE_URL is 'gateway': it must be an address such as http://localhost:11434/v1",
        OPENAI_BASE_URL="gateway",
    ),
    Case(
        id="settings where no folder can be",
        says="/dev/null/config.yaml can't be written (File exists); set L2MAC_HOME to another folder",
        arguments=("--init-config",),
        variables={"L2MAC_HOME": "/dev/null"},
    ),
]
LITELLM = [
    given(
        "litellm with a model that names no provider",
        "litellm knows no provider of some-model: write llm.model as PROVIDER/MODEL, like gemini/MODEL; then "
        "`l2mac resume …/workspace/x` goes on",
        "llm.api_type=litellm",
        "llm.model=some-model",
        code=3,
        makes=("workspace",),
    ),
    given(
        "litellm without a key",
        "no key for gemini/some-model: set llm.api_key, or the provider's own variable, such as GEMINI_API_KEY; "
        "then `l2mac resume …/workspace/x` goes on",
        "llm.api_type=litellm",
        "llm.model=gemini/some-model",
        code=3,
        makes=("workspace",),
    ),
]
PROGRAMS = [
    found(
        "a stranger's folder that names a program",
        "llm:\n  command: touch ran\n",
        "config/config.yaml sets llm.command, which a file that is only found in the folder may not; if it is yours, "
        "pass --config config/config.yaml, or move it to ~/.l2mac/config.yaml",
    ),
    found(
        "a stranger's folder that names a program as a fallback",
        "llm:\n  fallbacks: [{command: touch ran}]\n",
        "config/config.yaml sets llm.command, which a file that is only found in the folder may not; if it is yours, "
        "pass --config config/config.yaml, or move it to ~/.l2mac/config.yaml",
    ),
    found(
        "a stranger's folder that takes the sandbox away",
        "sandbox: none\n",
        "config/config.yaml sets sandbox: none, which a file that is only found in the folder may not; if it is yours, "
        "pass --config config/config.yaml, or move it to ~/.l2mac/config.yaml",
    ),
    given(
        "a program that is not there",
        "there is no program no-such-program: install it, or mend llm.command; then `l2mac resume …/workspace/x` "
        "goes on",
        "llm.command=no-such-program",
        code=3,
        makes=("workspace",),
    ),
    given(
        "a program that fails without a word",
        "false failed (exit code 1): it did not say why: check llm.command; then `l2mac resume …/workspace/x` goes on",
        "llm.command=false",
        code=3,
        makes=("workspace",),
    ),
    given(
        "a program that repeats the request",
        "cat printed nothing but the request itself: check llm.command; then `l2mac resume …/workspace/x` goes on",
        "llm.command=cat",
        code=3,
        makes=("workspace",),
    ),
    given(
        "a program that prints without end",
        "yes printed more than 10,000,000 bytes: check llm.command; then `l2mac resume …/workspace/x` goes on",
        "llm.command=yes",
        code=3,
        makes=("workspace",),
    ),
    given(
        "a program that says nothing for too long",
        "sleep printed nothing for 0.2 s: see llm.timeout; given up after N s and 1 try; then "
        "`l2mac resume …/workspace/x` goes on",
        "llm.command=sleep 1000",
        "llm.timeout=0.2",
        "llm.patience=0",
        code=3,
        makes=("workspace",),
    ),
    given(
        "a program with an open quote",
        "llm.command can't be read (No closing quotation); write it as in a shell",
        "llm.command=llm 'x",
    ),
    given(
        "a program with a key",
        "llm.command holds a key, and settings are written down; export it as a variable instead",
        f"llm.command=llm --key {SECRET}",
    ),
    given(
        "no program",
        'llm.command is empty; name a program, such as llm.command="ollama run qwen3-coder"',
        "llm.api_type=command",
    ),
    given(
        "fallbacks that are no list",
        "the setting llm.fallbacks (in --set) is wrong: it must be a list",
        f"llm.fallbacks={SECRET}",
    ),
    given(
        "a fallback of a fallback",
        "the setting llm.fallbacks (in --set) is wrong: it must be one list; a fallback has none of its own",
        "llm.fallbacks=[{fallbacks: [{model: x}]}]",
    ),
]
ROLES = [
    case(
        "a role that is not there",
        "there is no setting 'roles.chief.model' (in --set); did you mean roles.coder.model?",
        "x",
        "--set",
        "roles.chief.model=m",
    ),
    case(
        "a role that is too hot",
        "the setting roles.coder.temperature (in --set) is wrong: it must be less than or equal to 2, not '9'",
        "x",
        "--set",
        "roles.coder.temperature=9",
    ),
    case(
        "a negative number of looks at the plan",
        "the setting run.reflect is wrong: it must be greater than or equal to 0, not '-1'",
        "x",
        "--reflect",
        "-1",
    ),
    case(
        "no plan", "the setting run.plans is wrong: it must be greater than or equal to 1, not '0'", "x", "--plans", "0"
    ),
    case(
        "plans in words",
        "Invalid value for '--plans': 'two' is no whole number; see `l2mac run --help`",
        "x",
        "--plans",
        "two",
    ),
    case(
        "a role's text in a role's place",
        "the setting roles.coder (in --set) is wrong: it must be a section with keys below it, not 'British'",
        "x",
        "--set",
        "roles.coder=British",
    ),
]
CASES = [*ROLES, *FILES, *CHANGES, *VARIABLES, *LITELLM, *PROGRAMS]
