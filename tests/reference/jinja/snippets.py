"""Small templates that are rendered by jinja2 and by this project, with VARIABLES."""

SNIPPETS = []
def add(block): SNIPPETS.extend(l for l in block.strip('\n').split('\n') if l)
add(r'''
{% for i in [1,2,3] %}{% if i == 2 %}{% set x = i %}{% endif %}[{{ x }}]{% endfor %}
{% set x = 0 %}{% for i in [1,2,3] %}[{{ x }}]{% set x = i %}[{{ x }}]{% endfor %}{{ x }}
{% for i in [1,2] %}{% for j in [3,4] %}{% set y = j %}{{ loop.index }}{% endfor %}{{ y is defined }}{{ loop.index }}{% endfor %}
{% for i in [1,2] %}{% set loop2 = loop %}{% for j in [3,4] %}{{ loop2.index }}{{ loop.index }} {% endfor %}{% endfor %}
{% if true %}{% set z = 5 %}{% endif %}{{ z }}
{% for i in [1] %}{% if true %}{% set z = 5 %}{% endif %}{{ z }}{% endfor %}{{ z is defined }}
{% set a = 1 %}{% macro m() %}{{ a }}{% endmacro %}{% set a = 2 %}{{ m() }}
{% macro m() %}{{ late }}{% endmacro %}{% set late = 2 %}{{ m() }}
{% macro m() %}{% set q = 3 %}{{ q }}{% endmacro %}{{ m() }}{{ q is defined }}
{% for i in [1,2] %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}
{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %}{{ a is defined }}
{% set a = 7 %}{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}
{% with %}{% set k = 1 %}{{ k }}{% endwith %}{{ k is defined }}
{% filter upper %}{% set k = 'v' %}{{ k }}{% endfilter %}{{ k is defined }}
{% set k %}{% set inner = 1 %}x{{ inner }}{% endset %}{{ k }}{{ inner is defined }}
{% set k | upper %}abc{% endset %}{{ k }}
{% set k | replace('a', 'b') | upper %}abc{% endset %}{{ k }}
{% set ns = namespace() %}{% set ns.x = 1 %}{{ ns.x }}{{ ns.y is defined }}
{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a }}{{ ns.b }}{{ ns }}
{% set ns = namespace(a=1) %}{% macro m() %}{% set ns.a = 5 %}{% endmacro %}{{ m() }}{{ ns.a }}
{% set d = {'a': 1} %}{% set d.a = 2 %}{{ d }}
{% set ns = namespace(_a=1) %}{{ ns }}
{% set ns = namespace() %}{% set ns._a = 1 %}x
{% set ns = namespace(items=1) %}{{ ns.items }}{{ ns['items'] }}
{{ namespace }}{{ ns.a }}
{% set a, b = 'xy' %}{{ a }}-{{ b }}
{% set a, (b, c) = 1, [2, 3] %}{{ a }}{{ b }}{{ c }}
{% set a, b = [1] %}{{ a }}
{% set a, b = [1, 2, 3] %}{{ a }}
{% set a = 1, 2 %}{{ a }}
{% set a = 1, %}{{ a }}
{% set ns = namespace(n=0) %}{% set ns.n, x = 4, 5 %}{{ ns.n }}{{ x }}
{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}{{ v }}{% endfor %}
{% for k in {'a': 1, 'b': 2} %}{{ k }}{% endfor %}
{% for k, v in [(1, 2), [3, 4]] %}{{ k }}{{ v }},{% endfor %}
{% for k, v in [1] %}{{ k }}{% endfor %}
{% for c in 'a😀b' %}[{{ c }}]{% endfor %}
{% for x in none %}{% endfor %}
{% for x in undefinedthing %}a{% else %}b{% endfor %}
{% for x in 5 %}{% endfor %}
{% for x in [3,1,2] %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }};{% endfor %}
{% for x in [3,1,2] %}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.previtem is defined }}{{ loop.nextitem is defined }};{% endfor %}
{% for x in [1,1,2,2,1] %}{{ loop.changed(x) }}{% endfor %}
{% for x in [1,2,3] %}{{ loop.cycle('a','b') }}{% endfor %}
{% for x in [1,2,3] %}{{ loop.cycle() }}{% endfor %}
{% for x in [1,2,3] if x != 2 %}{{ loop.index }}{{ loop.length }}{{ loop.last }}{% endfor %}
{% for x in [1,2,3] if x > 5 %}{{ x }}{% else %}none{% endfor %}
{% for x in (n for n in []) %}{% endfor %}
{% for i in range(3) %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% else %}E{% endfor %}
{% for i in [1] %}{% continue %}{% else %}E{% endfor %}
{% for i in [1] %}{% break %}{% else %}E{% endfor %}
{% for i in [1,2,3] %}{% set t %}{% if i == 2 %}{% break %}{% endif %}x{% endset %}{{ t }}{% endfor %}|
{% for i in [1,2,3] %}{% filter upper %}a{% if i == 2 %}{% continue %}{% endif %}x{% endfilter %}{% endfor %}|
{% for i in [1,2] %}{% for j in [1,2,3] %}{% if j == 2 %}{% break %}{% endif %}{{ i }}{{ j }} {% endfor %}{% endfor %}
{% break %}
{% macro m() %}{% break %}{% endmacro %}{{ m() }}
{% for i in [1] %}{% macro m() %}{% continue %}{% endmacro %}{% endfor %}
{% for i in [] %}{% else %}{% break %}{% endfor %}
{% for i in [1,2] %}{% for j in [] %}{% else %}{% break %}{% endfor %}{{ i }}{% endfor %}x
{% for item in tree recursive %}{{ item.name }}({{ loop.depth }}){% if item.kids %}[{{ loop(item.kids) }}]{% endif %}{% endfor %}
{% for item in [[1,[2]],[3]] recursive %}{% if item is iterable and item is not string %}<{{ loop(item) }}>{% else %}{{ item }}{% endif %}{% endfor %}
{% for i in [1,2] %}{{ loop([3]) }}{% endfor %}
{% for loop in [1] %}{% endfor %}
{% for i in [1] %}{% set loop = 2 %}{% endfor %}
{{ loop }}
{{ loop.index }}
{% for i in range(3) %}{{ loop }}{% endfor %}
{% macro f(a, b=2, c='x') %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ f(1) }}{{ f(1, c='y') }}{{ f(1, 5, 6) }}{{ f() }}
{% macro f(a) %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, 3, k=4) }}
{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, 2) }}
{% macro f(a) %}{{ a }}{% endmacro %}{{ f(b=2) }}
{% macro f(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ f(1) }}
{% macro f(a, b=zz) %}{{ a }}{{ b }}{% endmacro %}{% set zz = 9 %}{{ f(1) }}
{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}
{% macro f() %}{{ caller() }}{% endmacro %}{% call f() %}in{% endcall %}
{% macro f() %}{{ caller(1, 2) }}{% endmacro %}{% call(a, b=5) f() %}{{ a }}{{ b }}{% endcall %}
{% macro f(x) %}{{ x }}{{ caller('k') }}{% endmacro %}{% call(v) f('y') %}<{{ v }}>{% endcall %}
{% macro f() %}x{% endmacro %}{% call f() %}in{% endcall %}
{% macro f() %}{{ caller is defined }}{% endmacro %}{{ f() }}
{% macro f() %}{{ caller }}{% endmacro %}{{ f() }}
{% macro f(a, b) %}{% endmacro %}{{ f.name }}{{ f.arguments }}{{ f.catch_kwargs }}{{ f.catch_varargs }}{{ f.caller }}{{ f }}
{% macro f(a=1, b) %}{% endmacro %}
{% macro f(a, a) %}{% endmacro %}
{% macro f() %}  x  {% endmacro %}{{ f()|trim }}|{{ f() + 'y' }}
{% macro f(x) %}{{ x is defined }}{% endmacro %}{{ f() }}{{ f(none) }}
{{ f(1) }}{% macro f(a) %}{{ a }}{% endmacro %}
{% generation %}abc{{ x }}{% endgeneration %}
{% for m in messages %}{% generation %}{{ m.content }}{% set q = 1 %}{% endgeneration %}{{ q is defined }}{% endfor %}
{% for i in [1,2] %}{% generation %}{% if i == 1 %}{% continue %}{% endif %}{% endgeneration %}{% endfor %}
{% include 'x' %}
{% import 'x' as y %}
{% from 'x' import y %}
{% extends 'x' %}
{% block b %}in{{ bos_token }}{% endblock %}
{% set v = 1 %}{% block b %}{{ v }}{% endblock %}
{% for i in [1] %}{% block b %}{{ i is defined }}{% endblock %}{% endfor %}
{% for i in [1] %}{% block b scoped %}{{ i }}{% endblock %}{% endfor %}
{% block a %}{% endblock %}{% block a %}{% endblock %}
{% autoescape false %}{{ '<' }}{% endautoescape %}
{% print 1, 'a' %}
{% do 1 %}
{% unknown %}
{% if %}
{% if true %}
{% endif %}
{% for i in [1] %}
{% else %}
{{
{{ }}
{{ 1
{% set %}
{% set x %}
{# unfinished
{% raw %}unfinished
{{ 'unfinished }}
{{ a b }}
{{ 1 2 }}
{{ (1 }}
{{ 1) }}
{{ [1, 2 }}
{{ {'a' 1} }}
{{ x.1 }}
{{ [10, 20].1 }}
{{ [10, 20][0, 1] }}
{{ 'abc'.0 }}
{{ a.'b' }}
{{ a!b }}
{{ $a }}
{{ a ? b : c }}
{{ 1 if }}
{{ not }}
{{ is }}
{{ 1 is }}
{{ 1 is not }}
{{ 1 is nosuchtest }}
{{ 1|nosuchfilter }}
{% if false %}{{ 1|nosuchfilter }}{% endif %}ok
{% if true %}{{ 1|nosuchfilter }}{% endif %}ok
{{ (1|nosuchfilter) if false else 'ok' }}
{{ (1 is nosuchtest) if false else 'ok' }}
{% if false %}{% for i in [] %}{{ 1|nosuchfilter }}{% endfor %}{% endif %}
{{ 1|filter.with.dots }}
{{ f(a=1, a=2) }}
{{ dict(a=1, **{'b': 2}) }}{{ dict(**{'a': 1}) }}
{{ dict(a=1, **{'a': 2}) }}
{{ dict([(1, 2), [3, 4]]) }}{{ dict({'x': 1}, y=2) }}{{ dict([1]) }}
{{ dict.fromkeys(['a', 'b'], 1) }}{{ dict.fromkeys('ab') }}
{{ range(5)|list }}{{ range(1, 2) }}{{ range(0, 10, 3) }}{{ range(3)[1] }}{{ range(10)[2:5] }}{{ range(3)|length }}{{ 2 in range(3) }}
{{ range(5)[::-1]|list }}{{ range(5)[::-1] }}{{ range(10)[8:2:-3] }}
{{ range(0, 5, 0) }}
{{ range(1.5) }}
{{ range('a') }}
{{ range() }}
{{ range(100000)|length }}
{{ range(100001)|length }}
{{ range(-100001, 0)|length }}
{{ range(undefinedthing) }}
{{ [].append(1) }}
{% set l = [] %}{% set _ = l.append(1) %}{{ l }}
{% set d = {} %}{% set _ = d.update({'a': 1}) %}{{ d }}
{{ {'a': 1}.pop('a') }}
{{ [1].pop() }}
{{ [].append is defined }}{{ {}.update is defined }}{{ [].index is defined }}
{{ {'a': 1}.setdefault('b', 2) }}
{{ [3, 1].sort() }}
{{ [1].copy() }}{{ {'a': 1}.copy() }}
{{ [1, 2, 1].count(1) }}{{ [1, 2].index(2) }}{{ (1, 2).index(2) }}{{ (1, 1).count(1) }}
{{ [1].index(5) }}
{{ ''.__class__ }}|{{ ''.__class__ is defined }}
{{ ''.__class__.__mro__ }}
{{ ''['__class__'] }}
{{ ''|attr('__class__') }}|
{{ {}.__class__.__bases__ }}
{{ messages.__len__ }}
{{ {'__class__': 1}.__class__ }}|{{ {'__class__': 1}['__class__'] }}
{{ {'_x': 1}._x }}{{ {'_x': 1}['_x'] }}
{{ ().__class__ }}{{ (1).__class__ }}{{ (1.5).__class__ }}
{{ range.__globals__ }}|
{{ {}.constructor }}|{{ {}.hasOwnProperty }}|{{ {}['__proto__'] }}|{{ [].length }}|{{ ''.length }}|{{ ''.at }}
{{ {'constructor': 1}.constructor }}{{ {'toString': 2}.toString }}{{ {'__proto__': 3}.__proto__ }}{{ {'__proto__': 3}['__proto__'] }}
{{ 'constructor' in {} }}{{ 'length' in {} }}{{ {}.get('constructor') }}
{{ constructor }}{{ toString }}{{ hasOwnProperty }}{{ __proto__ }}
{{ 1|toString }}
{{ 1|constructor }}
{{ 1 is constructor }}
{{ x }}|{{ x.y }}
{{ x['y'] }}
{{ x() }}
{{ x + 1 }}
{{ 1 + x }}
{{ x ~ 1 }}|{{ x|length }}|{{ x|list }}|{{ x|string }}|{{ x == x }}{{ x == y }}{{ x != 1 }}{{ not x }}
{{ x < 1 }}
{{ x in [1] }}{{ 1 in x }}
{{ -x }}
{{ x|upper }}|{{ x|trim }}|{{ x|first }}|{{ x|join }}|{{ x|tojson if false }}
{{ x|tojson }}
{{ x|int }}
{{ x|float }}
{{ x|abs }}
{{ x|items|list }}
{{ x|map('upper')|list }}
{{ [x] }}{{ {'a': x} }}
{{ x is iterable }}{{ x is sequence }}{{ x is mapping }}{{ x is string }}{{ x is number }}{{ x is none }}{{ x is callable }}
{{ x if x }}|{{ (x if x) is defined }}|{{ (1 if false).a }}
{{ x[0:1] }}
{{ x|default('d') }}{{ x.y|default('d') }}
{{ messages[0].nope.nope2 }}
{{ messages[0].nope|default('d') }}{{ messages[99]|default('d') }}
{{ messages[99].role }}
{{ none.a }}|{{ none['a'] }}|{{ (none).a is defined }}
{{ none.a.b }}
{{ none + 1 }}
{{ none() }}
{{ (5).a }}|{{ true.b }}|{{ (1.5).c }}
{{ 5[0] }}|{{ none[0] }}|{{ true[0] }}
{{ none[0:1] }}
{{ 5() }}
{{ 'a'() }}
{{ 'a'.upper }}x{{ 1 }}
{{ 'abc'.nope }}|{{ 'abc'['nope'] }}|{{ 'abc'[10] }}|{{ 'abc'[1.0] }}
{{ 'abc'['upper']() }}{{ [1,2]['count'](1) }}{{ {'a': 1}['items']()|list }}
{{ {'items': 1}.items }}
{{ {'items': 1}['items'] }}{{ {'get': 5}['get'] }}
{{ {'a': 1}.a }}{{ {'a': {'b': 2}}.a.b }}{{ {1: 2}[1] }}{{ {1: 2}[1.0] }}{{ {true: 2}[1] }}{{ {'1': 2}[1] }}|
{{ {(1, 2): 3}[(1, 2)] }}{{ {(1, 2): 3}[1, 2] }}
{{ {[1]: 2} }}
{{ {1: 'a', 1.0: 'b', true: 'c'} }}
{{ {'a': 1, 'a': 2} }}
{{ {'b': 1, 'a': 2} }}{{ {none: 1, 2.5: 'x', (1,): []} }}
{{ [] }}{{ () }}{{ {} }}{{ (1,) }}{{ [[]] }}{{ [(), {}] }}
{{ 'a' 'b' "c" }}
{{ "it's" }}{{ ["it's"] }}{{ ['"'] }}{{ ["'\""] }}{{ ['\\'] }}{{ ['\n\t\r'] }}{{ ['\x00\x7f\x80'] }}{{ ['é你😀'] }}{{ ['\u200b\u00a0\u2028'] }}
{{ '\x41\u4f60\U0001f600\101\7' }}|{{ '\q\z\-' }}|{{ '\é' }}|{{ 'a\
b' }}
{{ '\x4' }}
{{ '\u12' }}
{{ '\N{DIGIT ONE}' }}
{{ 1_000 }}{{ 0x1F }}{{ 0b101 }}{{ 0o17 }}{{ 1e3 }}{{ 1.5e-3 }}{{ 1_0.0_1 }}{{ 00 }}
{{ 01 }}
{{ 1. }}
{{ .5 }}
{{ 1.e5 }}
{{ 1e400 }}
{{ 7 / 2 }}{{ 6 / 2 }}{{ 7 // 2 }}{{ -7 // 2 }}{{ 7 // -2 }}{{ 7 % 3 }}{{ -7 % 3 }}{{ 7 % -3 }}{{ -7 % -3 }}
{{ 7.5 // 2 }}{{ -7.5 // 2 }}{{ 7.5 % 2 }}{{ -7.5 % 2 }}{{ 7.5 % -2 }}{{ 0.0 % 3 }}{{ -0.0 % 3 }}
{{ 1 / 0 }}
{{ 1 // 0 }}
{{ 1 % 0 }}
{{ 1.0 / 0 }}
{{ 1.0 % 0 }}
{{ 2 ** 10 }}{{ 2 ** -1 }}{{ 2 ** 0.5 }}{{ (-2) ** 3 }}{{ -2 ** 2 }}{{ 2 ** 3 ** 2 }}{{ 0 ** 0 }}
{{ 0 ** -1 }}
{{ (-8) ** 0.5 }}
{{ 2 ** 100 }}{{ 2 ** 64 - 1 }}{{ 10 ** 20 + 1 }}{{ (2 ** 70) // 3 }}{{ -(2 ** 70) // 3 }}{{ (2 ** 70) % 7 }}{{ (2 ** 70) / 3 }}
{{ 9007199254740991 + 1 }}{{ 9007199254740993 }}{{ 9007199254740993 * 3 }}{{ 9007199254740993 - 2 }}{{ 3037000500 * 3037000500 }}
{{ 123456789012345678901234567890 == 123456789012345678901234567890.0 }}{{ 2 ** 53 == 2.0 ** 53 }}{{ 2**53 + 1 == 2.0**53 }}{{ 2**53+1 > 2.0**53 }}
{{ 0.1 + 0.2 }}{{ 1e16 }}{{ 1e15 }}{{ 123456789.0 }}{{ 1e-4 }}{{ 1e-5 }}{{ 0.00001234 }}{{ 1e22 }}{{ 1.7976931348623157e308 }}{{ 5e-324 }}{{ -0.0 }}{{ 100.0 }}{{ 1e100 }}
{{ 1 + true }}{{ true + true }}{{ true * 3 }}{{ -true }}{{ +true }}{{ true / 2 }}{{ true == 1 }}{{ true == 1.0 }}{{ 1 + 1.0 }}{{ 3 * 1.0 }}
{{ 'a' * 3 }}{{ 3 * 'a' }}{{ 'a' * -1 }}|{{ 'a' * true }}{{ [1] * 2 }}{{ (1,) * 2 }}{{ 2 * [1] }}{{ 'a' * 0 }}|
{{ 'a' * 1.5 }}
{{ 'a' + 1 }}
{{ 1 + 'a' }}
{{ [1] + (2,) }}
{{ [1] + [2] }}{{ (1,) + (2,) }}
{{ {} + {} }}
{{ 'a' - 'b' }}
{{ +'a' }}
{{ -'a' }}
{{ +5 }}{{ --5 }}{{ -5|abs }}{{ (-5)|abs }}{{ - 5 }}
{{ 1 == 1.0 }}{{ '1' == 1 }}{{ none == false }}{{ [] == [] }}{{ [1, [2]] == [1, [2]] }}{{ (1,) == [1] }}{{ {'a': 1} == {'a': 1.0} }}{{ {'a': 1, 'b': 2} == {'b': 2, 'a': 1} }}{{ 'a' == 'a' }}{{ none == none }}
{{ 1 < 2 }}{{ 1 < 2 < 3 }}{{ 3 > 2 > 2 }}{{ 'a' < 'b' }}{{ 'B' < 'a' }}{{ [1, 2] < [1, 3] }}{{ [1] < [1, 0] }}{{ (1, 'a') < (1, 'b') }}{{ true < 2 }}{{ 1.5 >= 1 }}
{{ 'a' < 1 }}
{{ none < 1 }}
{{ [1] < (1,) }}
{{ {} < {} }}
{{ [1, 'a'] < [1, 2] }}
{{ [1, 'a'] < [2, 2] }}
{{ '\uffff' < '😀' }}{{ '😀' > 'z' }}
{{ 1 in [1.0] }}{{ 'a' in 'abc' }}{{ '' in 'abc' }}{{ 'a' in {'a': 1} }}{{ 1 in (1, 2) }}{{ 'b' not in ['a'] }}{{ [1] in [[1]] }}
{{ 1 in 'abc' }}
{{ 1 in 5 }}
{{ none in 'abc' }}
{{ [] in {} }}
{{ 1 and 0 }}{{ 0 or 'x' }}{{ '' or [] or none }}{{ not 1 }}{{ not not 'a' }}{{ 1 and 'y' or 'n' }}
{{ 1 ~ 2 }}{{ 'a' ~ none ~ true ~ 1.0 ~ [1] ~ {'a': 'b'} }}{{ 1 ~ 2 + 3 }}{{ 2 * 3 ~ 4 }}
{{ 'a' if true else 'b' }}{{ 'a' if false else 'b' if false else 'c' }}{{ ('x' if 0) ~ 'y' }}
{{ 1 if true if false }}|
{{ (1, 2)[0] }}{{ [1, 2, 3][-1] }}{{ [1, 2, 3][1:] }}{{ [1, 2, 3][::-1] }}{{ [1, 2, 3][::2] }}{{ (1, 2, 3)[:2] }}{{ [1,2,3][5:] }}{{ [1,2,3][-2:-1] }}{{ [1,2,3][2:0:-1] }}
{{ [1][::0] }}
{{ [1]['a':] }}
{{ [1][1.5:] }}
{{ [1, 2][true] }}{{ 'ab'[false] }}{{ [1,2][none:1] }}
{{ 'a😀b'|length }}{{ 'a😀b'[1] }}{{ 'a😀b'[1:] }}{{ 'a😀b'[::-1] }}{{ 'a😀b'|reverse }}{{ 'a😀b'|list }}{{ 'a😀b'[-1] }}{{ 'a😀b'.find('b') }}{{ 'a😀b'.index('b') }}{{ 'a😀b'.center(7, '*') }}
{{ {'a': 1}[0:1] }}
{{ {'a': 1}.keys() }}{{ {'a': 1}.values() }}{{ {'a': 1}.items() }}{{ {'a': 1}.keys()|list }}{{ {'a': 1}.keys()[0] }}|{{ {'a': 1}.items()|length }}{{ {'a': 1}.keys()|first }}
{{ {'a': 1}.keys() == {'a': 2}.keys() }}{{ {'a': 1}.items() == {'a': 1}.items() }}{{ {'a': 1}.values() == {'a': 1}.values() }}{{ 'a' in {'a': 1}.keys() }}{{ 1 in {'a': 1}.values() }}{{ ('a', 1) in {'a': 1}.items() }}
{{ {'a': 1}.get('b') }}{{ {'a': 1}.get('b', 2) }}{{ {'a': none}.get('a', 2) }}{{ {'a': 1}.get('a') }}
{{ {'a': 1}.get() }}
{{ {'a': 1}.get('b', default=2) }}
{{ {'a': 1}.items(1) }}
{{ messages|selectattr('role', 'equalto', 'user')|list|length }}{{ messages|selectattr('role', '==', 'user')|map(attribute='content')|list }}{{ messages|rejectattr('role', 'in', ['user'])|map(attribute='role')|join(',') }}
{{ messages|selectattr('nope')|list }}{{ messages|selectattr('role')|list|length }}{{ messages|selectattr('content', 'string')|list|length }}
{% set g = messages|selectattr('role', 'equalto', 'user') %}{{ g|list|length }}{{ g|list|length }}
{% if messages|selectattr('role', 'equalto', 'nobody') %}truthy{% else %}falsy{% endif %}
{{ (messages|selectattr('role', 'equalto', 'user')|first).content }}
{{ messages|selectattr('role', 'equalto', 'user')|length }}
{{ (messages|map(attribute='role'))[0] }}|
{{ messages|map(attribute='role')|last }}
{{ messages|selectattr('role', 'nosuch')|list }}
{{ messages|map('nosuch')|list }}
{{ messages|map('nosuch') is defined }}
{{ messages|map()|list }}
{{ messages|map(attribute='role', nope=1)|list }}
{{ messages|map(attribute='nope', default='d')|list }}{{ messages|map(attribute='nope')|list }}
{{ [[1, 2], [3]]|map('first')|list }}{{ ['a', 'b']|map('upper')|join }}{{ [1, 2]|map('string')|list }}{{ [' a ']|map('trim')|list }}{{ ['a']|map('replace', 'a', 'b')|list }}
{{ [1, 2, 3]|select('odd')|list }}{{ [1, 0, 2]|select|list }}{{ [1, 2]|reject('even')|list }}{{ [1, 2, 3]|select('>', 1)|list }}{{ [1,2,3]|select('divisibleby', 3)|list }}{{ [none, 1]|reject('none')|list }}
{{ [3, 1, 2]|sort }}{{ ['b', 'A', 'a', 'B']|sort }}{{ ['b', 'A', 'a', 'B']|sort(case_sensitive=true) }}{{ [3, 1, 2]|sort(reverse=true) }}{{ [1, 'a']|sort if false }}{{ [{'a': 2}, {'a': 1}]|sort(attribute='a') }}{{ [(2, 'x'), (1, 'y')]|sort }}{{ [{'a': 1, 'b': 2}, {'a': 1, 'b': 1}]|sort(attribute='a,b') }}
{{ [1, 'a']|sort }}
{{ {'b': 1, 'a': 2}|sort }}{{ 'bca'|sort }}{{ {'b': 1, 'a': 2}|dictsort }}{{ {'b': 1, 'a': 2}|dictsort(by='value') }}{{ {'b': 1, 'A': 2, 'a': 3}|dictsort(true) }}{{ {'b': 1, 'a': 2}|dictsort(reverse=true) }}
{{ {'b': 1}|dictsort(by='x') }}
{{ [1, 2, 3]|sum }}{{ [0.1, 0.2]|sum }}{{ [[1], [2]]|sum(start=[]) }}{{ [{'a': 1}, {'a': 2}]|sum(attribute='a') }}{{ []|sum }}{{ [1, 2]|sum(start=10) }}
{{ ['a']|sum }}
{{ ['a']|sum(start='') }}
{{ [3, 1, 2]|max }}{{ [3, 1, 2]|min }}{{ []|max }}|{{ ['a', 'B']|max }}{{ ['a', 'B']|min }}{{ 'hello'|max }}{{ [{'a': 1}, {'a': 2}]|max(attribute='a') }}
{{ [1, 'a']|max }}
{{ [1, 1, 2]|unique|list }}{{ ['a', 'A']|unique|list }}{{ ['a', 'A']|unique(true)|list }}{{ [{'a': 1, 'b': 1}, {'a': 1}]|unique(attribute='a')|list }}
{{ [[1]]|unique|list }}
{{ [1, 2, 3, 4, 5]|batch(2)|list }}{{ [1, 2, 3]|batch(2, 'x')|list }}{{ [1, 2, 3, 4, 5]|slice(2)|list }}{{ [1, 2, 3]|slice(2, 'x')|list }}{{ []|batch(2)|list }}{{ []|slice(2)|list }}
{{ [1]|slice(0)|list }}
{{ [{'c': 'x', 'n': 1}, {'c': 'y', 'n': 2}, {'c': 'x', 'n': 3}]|groupby('c') }}
{% for g in [{'c': 'x'}, {'c': 'X'}]|groupby('c') %}{{ g.grouper }}{{ g.list|length }}{% endfor %}{% for k, v in [{'c': 'x'}, {}]|groupby('c', default='z') %}{{ k }}{{ v }}{% endfor %}
{{ [1, 2, 3]|first }}{{ [1, 2, 3]|last }}{{ 'abc'|first }}{{ 'abc'|last }}{{ []|first }}|{{ []|last }}|{{ {'a': 1, 'b': 2}|first }}{{ {'a': 1, 'b': 2}|last }}{{ range(3)|last }}
{{ 5|first }}
{{ 5|last }}
{{ [1, 2]|reverse|list }}{{ 'abc'|reverse }}{{ {'a': 1, 'b': 2}|reverse|list }}{{ (1, 2)|reverse|list }}{{ range(3)|reverse|list }}
{{ 5|reverse }}
{{ [1, 2]|join }}{{ [1, 2]|join(', ') }}{{ 'abc'|join('-') }}{{ [none, true, 1.0]|join(',') }}{{ [{'a': 1}]|join(',', attribute='a') }}{{ []|join }}{{ [1, 2]|join(1) }}{{ {'a': 1, 'b': 2}|join }}
{{ 5|join }}
{{ 'abc'|length }}{{ [1]|count }}{{ {}|length }}{{ ''|length }}
{{ 5|length }}
{{ none|length }}
{{ 'a b  c'|wordcount }}{{ '你好 世界'|wordcount }}{{ 5|wordcount }}
{{ 'Hello World'|upper }}{{ 'Hello'|lower }}{{ 5|upper }}{{ none|upper }}{{ true|lower }}
{{ 'hello wORLD foo-bar (x) [y] <z> {w}'|title }}|{{ "it's o'neil"|title }}|{{ 'ǆabc ßx ﬁy'|title }}|{{ 'hello wORLD'|capitalize }}|{{ 'ßx'|capitalize }}{{ 'ǆx'|capitalize }}
{{ "they're bill's".title() }}{{ 'ab1cd'.title() }}{{ 'ǆa'.title() }}{{ 'ßa ﬁb'.title() }}{{ 'ΑΣ ΑΣ'.title() }}{{ 'ΑΣ'.lower() }}{{ 'ΑΣΑ'.lower() }}{{ 'აბგ'.title() }}{{ 'აბგ'.upper() }}
{{ 'aBc'.swapcase() }}{{ 'ß'.casefold() }}{{ 'ΑΣ'.casefold() }}{{ 'İ'.lower()|length }}{{ 'ŉ'.upper() }}{{ 'ﬀ'.capitalize() }}{{ 'HELLO'.capitalize() }}{{ ''.capitalize() }}
{{ '  a '|trim }}|{{ 'xxaxx'|trim('x') }}|{{ '\u3000a\u00a0'|trim }}|{{ '\ufeffa'|trim|length }}|{{ 5|trim }}
{{ ' a '.strip() }}|{{ 'xay'.strip('xy') }}|{{ 'xax'.lstrip('x') }}|{{ 'xax'.rstrip('x') }}|{{ ' a '.strip(none) }}|{{ '\x1ca\x85'.strip() }}|{{ 'a'.strip('') }}
{{ 'a'.strip(1) }}
{{ 'a'.strip('a', 'b') }}
{{ 'a,b,c'.split(',') }}{{ 'a,b,c'.split(',', 1) }}{{ ' a  b '.split() }}{{ ' a  b c'.split(none, 1) }}{{ 'a,b'.split(sep=',', maxsplit=1) }}{{ ''.split() }}{{ ''.split(',') }}{{ 'a'.split('ab') }}{{ 'a,b,c'.split(',', 0) }}{{ ' a b '.split(' ') }}{{ 'a b c'.split(maxsplit=1) }}
{{ 'a,b,c'.rsplit(',', 1) }}{{ ' a b c '.rsplit(none, 1) }}{{ 'a b c'.rsplit() }}{{ 'a--b--c'.rsplit('--', 1) }}{{ 'aaa'.rsplit('aa', 1) }}{{ 'a b c'.rsplit(maxsplit=1) }}
{{ 'a'.split('') }}
{{ 'a\nb\r\nc\rd\x0be\u2028f'.splitlines() }}{{ 'a\nb\n'.splitlines(true) }}{{ ''.splitlines() }}{{ '\n'.splitlines() }}{{ 'a\n'.splitlines(keepends=true) }}
{{ 'a-b-c'.partition('-') }}{{ 'a-b-c'.rpartition('-') }}{{ 'abc'.partition('-') }}{{ 'abc'.rpartition('-') }}
{{ 'abc'.partition('') }}
{{ 'aXbX'.replace('X', 'y') }}{{ 'aaa'.replace('a', 'b', 2) }}{{ 'abc'.replace('', '-') }}{{ 'abc'.replace('', '-', 2) }}{{ 'aaa'.replace('a', 'b', -1) }}{{ 'aaa'.replace('a', 'b', 0) }}{{ '$&x'.replace('x', '$&') }}
{{ 'a'.replace('a') }}
{{ 'a'.replace('a', 1) }}
{{ 'aaa'|replace('a', 'b') }}{{ 'aaa'|replace('a', 'b', 2) }}{{ 111|replace(1, 2) }}{{ 'abc'|replace('', '-') }}{{ none|replace('N', 'M') }}
{{ 'abc'.startswith('a') }}{{ 'abc'.startswith(('x', 'a')) }}{{ 'abc'.startswith('b', 1) }}{{ 'abc'.endswith('c') }}{{ 'abc'.endswith(('b', 'c')) }}{{ 'abc'.endswith('b', 0, 2) }}{{ 'abc'.startswith('') }}{{ 'abc'.startswith('', 5) }}{{ 'abc'.startswith('c', -1) }}
{{ 'abc'.startswith(['a']) }}
{{ 'abc'.startswith(1) }}
{{ 'abcabc'.find('c') }}{{ 'abcabc'.rfind('c') }}{{ 'abc'.find('x') }}{{ 'abcabc'.find('c', 3) }}{{ 'abcabc'.find('a', 1, 3) }}{{ 'abc'.find('') }}{{ 'abc'.rfind('') }}{{ 'abc'.index('b') }}{{ 'abcb'.rindex('b') }}{{ 'abcabc'.count('b') }}{{ 'aaa'.count('aa') }}{{ 'abc'.count('') }}{{ 'aaa'.count('a', 1) }}
{{ 'abc'.index('x') }}
{{ 'abc'.find(1) }}
{{ 'a'.center(5) }}|{{ 'ab'.center(5) }}|{{ 'a'.center(4, '*') }}|{{ 'a'.ljust(3, '-') }}|{{ 'a'.rjust(3) }}|{{ '7'.zfill(3) }}|{{ '-7'.zfill(4) }}|{{ 'abc'.zfill(2) }}|{{ 'ab'|center(7) }}|
{{ 'a'.center(5, 'xy') }}
{{ 'a'.center('5') }}
{{ 'abc'.isalpha() }}{{ 'a1'.isalnum() }}{{ '12'.isdigit() }}{{ '²'.isdigit() }}{{ '²'.isdecimal() }}{{ '½'.isnumeric() }}{{ '三'.isnumeric() }}{{ '三'.isdigit() }}{{ ''.isalpha() }}{{ 'Ab'.istitle() }}{{ 'AB'.isupper() }}{{ 'ab1'.islower() }}{{ '1'.islower() }}{{ ' \t'.isspace() }}{{ 'a b'.isidentifier() }}{{ 'a_1'.isidentifier() }}{{ 'é'.isascii() }}{{ 'a\n'.isprintable() }}{{ '你'.isalpha() }}
{{ ','.join(['a', 'b']) }}{{ ''.join('abc') }}{{ '-'.join({'a': 1, 'b': 2}) }}{{ ','.join([]) }}|{{ ', '.join(messages|map(attribute='role')) }}
{{ ','.join([1]) }}
{{ ','.join(5) }}
{{ 'a\tb'.expandtabs() }}|{{ 'a\tb'.expandtabs(4) }}|{{ '\t'.expandtabs(0) }}|
{{ 'abc'.removeprefix('a') }}{{ 'abc'.removesuffix('c') }}{{ 'abc'.removeprefix('x') }}{{ 'abc'.removesuffix('') }}
{{ 'é'.encode() }}{{ 'é'.encode('utf-8')|length }}{{ 'a'.encode().decode() }}
{{ 'abc'.translate({97: 'x', 98: none}) }}
{{ '%s' % 'a' }}{{ '%s %s' % ('a', 1) }}{{ '%d' % 3.7 }}{{ '%5d|%-5d|%05d' % (3, 3, 3) }}{{ '%.2f' % 3.14159 }}{{ '%5.1f|' % 2.25 }}{{ '%e' % 12345.678 }}{{ '%g' % 0.0001 }}{{ '%g' % 1e10 }}{{ '%x %X %o' % (255, 255, 8) }}{{ '%r' % 'a' }}{{ '%c' % 65 }}{{ '%%' % () }}{{ '%s' % [1] }}{{ '%s' % none }}{{ '%(a)s' % {'a': 1} }}{{ '%+d % d' % (1, 2) }}{{ '%#x' % 255 }}{{ '%s' % {'a': 1} }}{{ '%*d' % (5, 3) }}{{ '%.3s' % 'abcdef' }}{{ '%i' % true }}
{{ '%s %s' % 'a' }}
{{ '%s' % ('a', 'b') }}
{{ '%d' % 'a' }}
{{ '%z' % 1 }}
{{ '%(a)s' % {} }}
{{ '%(a)s' % 1 }}
{{ 'x' % 1 }}
{{ 'x' % {} }}{{ 'x' % [] }}
{{ '%' % 1 }}
{{ '%s, %s'|format('a', 'b') }}{{ '%(x)s'|format(x=1) }}{{ 'a'|format }}
{{ '%s'|format(1, x=2) }}
{{ '{} {}'.format(1, 'a') }}{{ '{0}{1}{0}'.format('a', 'b') }}{{ '{x}'.format(x=1) }}{{ '{{}}'.format() }}{{ '{:>5}|{:<5}|{:^5}'.format('a', 'b', 'c') }}{{ '{:05d}'.format(42) }}{{ '{:,}'.format(1234567) }}{{ '{:.2f}'.format(3.14159) }}{{ '{:x}'.format(255) }}{{ '{:#b}'.format(5) }}{{ '{:%}'.format(0.25) }}{{ '{:e}'.format(1234.5) }}{{ '{!r}'.format('a') }}{{ '{a[0]}{b.c}'.format(a=[1], b={'c': 2}) }}{{ '{:{w}}|'.format('a', w=4) }}{{ '{:*^7}'.format('a') }}{{ '{:+}'.format(1) }}{{ '{:_}'.format(12345) }}{{ '{:g}'.format(1e20) }}{{ '{:.3}'.format('abcdef') }}{{ '{:.3}'.format(1.0) }}{{ '{:c}'.format(65) }}{{ '{:08.3f}'.format(-3.14159) }}{{ '{:10}|'.format(5) }}{{ '{:,.2f}'.format(1234567.891) }}
{{ '{}'.format() }}
{{ '{x}'.format() }}
{{ '{0}{}'.format(1) }}
{{ '{'.format() }}
{{ '}'.format() }}
{{ '{:d}'.format('a') }}
{{ '{:5}'.format([1]) }}
{{ '{:z}'.format(1) }}
{{ '{0.__class__}'.format(1) }}|
{{ '{0.__class__.__mro__}'.format('a') }}
{{ '{a}'.format_map({'a': 1}) }}
{{ '{a}'.format_map({'b': 1}) }}
{{ {'b': 1, 'a': [1, 'x', none, true, 1.5]}|tojson }}{{ 'é你😀'|tojson }}{{ 'é😀'|tojson(ensure_ascii=true) }}{{ {'a': 1}|tojson(indent=2) }}{{ [1, 2]|tojson(indent=4) }}{{ []|tojson(indent=2) }}{{ {}|tojson(indent=2) }}{{ {'a': []}|tojson(indent=2) }}{{ [1, {'a': 2}]|tojson(separators=(',', ':')) }}{{ {'b': 1, 'a': 2}|tojson(sort_keys=true) }}{{ (1, 2)|tojson }}{{ '<>&\''|tojson }}{{ '\x00\x1f\x7f\u2028"\\/'|tojson }}{{ {1: 2, none: 3, true: 4, 1.5: 5}|tojson }}{{ 1e100|tojson }}{{ 1.0|tojson }}{{ [[[1]]]|tojson(indent=1) }}{{ {'a': 1}|tojson(indent='--') }}{{ {'a': {'b': [1, 2]}}|tojson(indent=2) }}{{ [1]|tojson(indent=0) }}
{{ {(1,): 2}|tojson }}
{{ range(3)|tojson }}
{{ messages|map(attribute='role')|tojson }}
{{ {'a': 1}.items()|tojson }}
{{ 1|tojson(nope=1) }}
{{ 3.7|int }}{{ '42'|int }}{{ '42.9'|int }}{{ 'x'|int }}{{ 'x'|int(7) }}{{ '0x1A'|int(0, 16) }}{{ '1010'|int(base=2) }}{{ none|int }}{{ true|int }}{{ ' 42 '|int }}{{ '1_000'|int }}{{ -3.7|int }}{{ '1e3'|int }}{{ [1]|int }}{{ '٣'|int }}{{ '0b11'|int(0, 2) }}{{ 'ff'|int(base=16) }}
{{ '3.5'|float }}{{ 'x'|float }}{{ 'x'|float(1.5) }}{{ 3|float }}{{ none|float }}{{ '1e5'|float }}{{ 'inf'|float }}{{ 'nan'|float }}{{ '1_0.5'|float }}{{ '.5'|float }}{{ '5.'|float }}{{ '-inf'|float }}{{ ''|float }}{{ '.'|float }}
{{ 'inf'|float|int }}
{{ 3.14159|round(2) }}{{ 2.5|round }}{{ 3.5|round }}{{ 0.5|round }}{{ 5|round }}{{ 42.55|round(1, 'floor') }}{{ 42.55|round(1, 'ceil') }}{{ 1234|round(-2) }}{{ 2.675|round(2) }}{{ 1e20|round }}{{ -2.5|round }}{{ 42.4|round(0, 'ceil') }}{{ 1250|round(-2) }}{{ 1350|round(-2) }}{{ 5|round(1, 'floor') }}
{{ 1|round(0, 'x') }}
{{ 'a'|round }}
{{ -5|abs }}{{ (-5.5)|abs }}{{ true|abs }}
{{ 'a'|abs }}
{{ 1|filesizeformat }}{{ 1000|filesizeformat }}{{ 1500000|filesizeformat }}{{ 1024|filesizeformat(true) }}{{ '2000'|filesizeformat }}{{ 999|filesizeformat }}
{{ 'a\nb\n\nc'|indent }}|{{ 'a\nb'|indent(2, true) }}|{{ 'a\n\nb'|indent(2, blank=true) }}|{{ 'a\nb'|indent('>> ') }}|{{ 'a\nb\n'|indent(1) }}|{{ ''|indent(first=true) }}|
{{ 5|indent }}
{{ 'foo bar baz qux'|truncate(9) }}{{ 'foo bar baz qux'|truncate(9, true) }}{{ 'foo bar baz qux'|truncate(11) }}{{ 'foo bar baz qux'|truncate(11, false, '...', 0) }}{{ 'abc'|truncate(3) }}{{ 'foobarbazqux'|truncate(5, leeway=0) }}{{ 'foo bar baz'|truncate(6, end='', leeway=0) }}
{{ 'abc'|truncate(1) }}
{{ 'the quick brown fox jumps'|wordwrap(10) }}|{{ 'abcdefghijkl mno'|wordwrap(5) }}|{{ 'abcdefghijkl mno'|wordwrap(5, false) }}|{{ 'a-b-c foo-bar well-known'|wordwrap(6) }}|{{ 'a b\nc d'|wordwrap(1, wrapstring='/') }}|{{ 'foo-bar baz'|wordwrap(5, break_on_hyphens=false) }}|
{{ ''|default('x') }}|{{ ''|default('x', true) }}{{ none|default('x') }}{{ none|default('x', boolean=true) }}{{ nope|d('y') }}{{ nope|default }}|{{ 0|default(5, true) }}
{{ '<a href="x">&\'</a>'|e }}{{ '<'|escape|escape }}{{ '<'|e|string }}{{ '<'|safe }}{{ '<'|forceescape }}{{ ('<'|e) + '>' }}{{ '<' + ('>'|e) }}{{ ('<'|e) ~ '>' }}{{ ['<'|e] }}{{ ('a'|safe) == 'a' }}{{ ('<b>'|safe) is escaped }}{{ ('%s'|safe) % '<' }}{{ ('<'|safe)|upper }}{{ ('a b'|safe).split() }}{{ ('{}'|safe).format('<') }}{{ ('a'|safe).replace('a', '<') }}{{ ('a'|safe)|replace('a', '<') }}{{ ('a'|safe) * 2 }}{{ ('ab'|safe)[0] }}{{ ('-'|safe).join(['<', '>']) }}{{ ['<']|join('&'|safe) }}{{ ('a'|safe)|length }}{{ ('x'|safe)|tojson }}{{ {'a': 1}['a'|safe] }}{{ 5|e }}{{ none|e }}
{{ '<p>Hello  <b>World</b></p> &amp; x'|striptags }}{{ 'a b/c?d=é&f'|urlencode }}{{ {'a': 'b c', 'd': '/'}|urlencode }}{{ [('a', 1)]|urlencode }}{{ {'class': 'a', 'id': none, 'x': '<'}|xmlattr }}{{ {'a': 1}|xmlattr(false) }}{{ {}|xmlattr }}|
{{ {'a b': 1}|xmlattr }}
{{ {'a': [1, 2], 'b': 'x'}|pprint }}{{ 'abc'|pprint }}{{ [1]|pprint }}{{ none|pprint }}
{{ {'b': 1, 'a': 2}|pprint }}{{ range(50)|list|pprint }}
{{ messages|pprint }}
{{ {'a': 1}|items|list }}{{ {}|items|list }}
{{ [1]|items|list }}
{{ {'upper': 1}|attr('upper') }}|{{ 'a'|attr('nope') }}|{{ ns|attr('a') if false }}
{{ 'abc'|list }}{{ {'a': 1}|list }}{{ (1, 2)|list }}{{ range(2)|list }}
{{ none|list }}
{{ 5|string + 'x' }}{{ none|string }}{{ [1, 'a']|string }}{{ 1.0|string }}{{ true|string }}
{{ 3 is odd }}{{ 2 is even }}{{ 9 is divisibleby 3 }}{{ 9 is divisibleby(3) }}{{ 'a' is string }}{{ 1 is number }}{{ 1.0 is number }}{{ true is number }}{{ 1 is integer }}{{ true is integer }}{{ 1.0 is integer }}{{ 1.0 is float }}{{ true is boolean }}{{ 1 is boolean }}{{ none is none }}{{ [] is sequence }}{{ {} is sequence }}{{ 'a' is sequence }}{{ {} is mapping }}{{ 1 is iterable }}{{ 'a' is iterable }}{{ range(2) is sequence }}{{ range is callable }}{{ 'ab' is lower }}{{ 'AB' is upper }}{{ true is true }}{{ 1 is true }}{{ false is false }}{{ 0 is false }}{{ 'upper' is filter }}{{ 'nope' is filter }}{{ 'odd' is test }}{{ none is sameas none }}{{ 1 is sameas 1 }}{{ true is sameas 1 }}{{ 'a' is in 'abc' }}{{ 1 is in [1] }}{{ 1 is eq 1 }}{{ 1 is ne 2 }}{{ 1 is lt 2 }}{{ 1 is le 1 }}{{ 2 is gt 1 }}{{ 2 is ge 3 }}{{ 1 is equalto 1.0 }}{{ 2 is greaterthan 1 }}{{ 1 is lessthan 2 }}{{ nope is undefined }}{{ nope is defined }}{{ 1 is not odd }}{{ not 1 is odd }}{{ x is not defined }}{{ (messages|map('upper')) is iterable }}{{ (messages|map('upper')) is sequence }}
{{ 'a' is odd }}
{{ 1 is divisibleby }}
{{ 1 is divisibleby 0 }}
{{ 1 is odd is even }}
{{ 1 is not none and 2 is even }}{{ 1 is defined or x }}{{ 3 is odd if 1 else 2 }}
{{ 1 is in }}
{{ [1,2] is in [[1,2]] }}{{ 2 is in {2: 3} }}
{{ 'a' is eq 'a' ~ 'b' }}
{{ cycler('a', 'b').next() }}{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.reset() }}{{ c.current }}
{{ cycler() }}
{% set j = joiner('|') %}{{ j() }}a{{ j() }}b{{ j() }}
{% set j = joiner() %}{{ j() }}a{{ j() }}b
{{ raise_exception('no') }}
{{ raise_exception() }}
{% raw %}{{ x }}{% if %}{% endraw %}
{%- raw -%}  a  {%- endraw -%}  b
{% raw +%} a {% endraw %}
a {#- c -#} b
a {# c #} b
{# multi
line #}x
   {# c #}
x
  {% if true %}
    a
  {% endif %}
b
  {%- if true %}
    a
  {%- endif %}
b
  {%+ if true %}
    a
  {%+ endif %}
b
{% if true +%}
a{% endif %}
a
  {{ 'x' }}
b
a {{- 'x' -}} b
a {{+ 'x' }}
{{ 'x' }}

y
{%- set x = 1 -%}

  {{ x }}
a  {%- set x = 1 %}  b
{% set x = 1 %}   
 b
	{% set x = 1 %}
b
a{% set x = 1 %}
b
''')
# Line ends, blanks and everything that needs more than a line.
SNIPPETS += ["{%- for m in messages %}\n{%- if m['role'] == 'assistant' %}\n{%- if '</think>' in m['content'] %}\n{%- set thought = m['content'].split('</think>')[0].split('<think>')[-1] %}\n{%- set content = m['content'].split('</think>')[-1] %}\n{%- else %}\n{%- set content = m['content'] %}\n{%- endif %}\n<|im_start|>assistant\n{% if thought is defined %}<think>{{ thought }}</think>{% endif %}{{ content }}<|im_end|>\n{%- else %}\n<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{%- endif %}\n{%- endfor %}\n", "{%- for m in messages %}\r\n<|im_start|>{{ m['role'] }}\r\n{{ m['content'] }}<|im_end|>\r\n{%- endfor %}\r\n", "{% for i in range(1000000000) %}{% endfor %}"]
SNIPPETS += ["a\r\nb{{ 'x\r\ny' }}\r\n", "a\r\n", "a\rb\r", "a\n\n", "\n{% if true %}\nx\n{% endif %}\n\ny\n", "  {% if true %}  \n  x\n  {%- endif %}\n",
 "{{ 'a' }}\n{{ 'b' }}\n", "{% set a = 1 %}\r\nq", "a\r\n{% if true %}\r\n  b\r\n{% endif %}\r\nc", "x\n  {# c #}\ny\n  {#- d -#}  \nz",
 "{% raw %}\n  a\n{% endraw %}\nb", "a\n  {% raw %}x{% endraw %}\nb", "a \n\t{% set x = 1 %}\n\n b", "\u3000{% set x = 1 %}\nb", "a\u00a0\n\u00a0{% if 1 %}\nb{% endif %}",
 "a\u2028{%- set x = 1 %}b", "a\x0b{% set x=1 %}\nb", "{{ 'a' }}{# c #}\n\nb", "{% for i in [1,2] %}\n  {{ i }}\n{% endfor %}\nend\n", "{% for i in [1,2] -%}\n  {{ i }}\n{%- endfor +%}\nend\n",
 "{{ 'multi\nline' }}\n{{ 'tab\tx' }}", "{%set x=1%}{{x}}{%if x%}y{%endif%}", "{{1}}{{-1}}{{ - 1 }}", "{% if 1 %}{{ 'a' }}{% elif 2 %}b{% else %}c{% endif %}", "{% if 0 %}a{% elif 0 %}b{% elif 1 %}c{% else %}d{% endif %}",
 "{% for x in [1]: %}{{ x }}{% endfor %}", "{% if 1: %}a{% endif %}", "{%- for m in messages -%}\n<{{ m.role }}>\n{{ m.content | trim }}\n{%- endfor -%}\n{% if add_generation_prompt %}\n<assistant>\n{% endif %}\n",
 "{{ x\n\n.y }}", "\n\n{{ 1 +\n x }}", "{% macro f(a,\n b=1) %}\n{{ a }}{{ b }}\n{% endmacro %}\n{{ f(1) }}\n", "{{ {'a': 1,\n 'b': 2} }}", "{{ [1,\n 2,\n] }}{{ (1,) }}{{ {'a': 1,} }}",
 "{{ 'a'.\nupper() }}", "{{ [1,2,3]\n | join(',') }}", "{{ a\u4f60 }}", "{{ 你 }}{% set 你 = 1 %}{{ 你 }}", "{{ a² }}", "{% set _ = 1 %}{{ _ }}", "{{ true }}{{ True }}{{ TRUE }}|{{ none }}{{ None }}{{ False }}",
 "{% set true = 1 %}", "{% set none = 1 %}", "{% for true in [1] %}{% endfor %}", "{% set x.y.z = 1 %}", "{% set x[0] = 1 %}", "{% set 1 = 2 %}", "{% set (a) = 2 %}{{ a }}", "{% set a, = [5] %}{{ a }}",
 "{% set a = b = 1 %}", "{{ a = 1 }}", "{{ lambda }}{{ class }}{{ import }}{{ for }}", "{{ if }}|{{ else }}", "{{ in }}", "{% set in = 1 %}{{ in }}", "{{ f(**{'a': 1}) }}", "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(*[1]) }}{{ f(**{'a': 2}) }}{{ f(*'x') }}",
 "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(*5) }}", "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(**5) }}", "{% macro f(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ f(1, *[2]) }}{{ f(*[1], b=3) }}", "{% macro f() %}{% endmacro %}{{ f(*[1], 2) }}", "{{ range(*[1, 4])|list }}",
 "{{ '{}'.format(*[1]) }}{{ '{a}'.format(**{'a': 3}) }}", "{% call(x) foo %}{% endcall %}", "{% call undefinedmacro() %}x{% endcall %}", "{% filter nosuch %}x{% endfilter %}", "{% filter upper | lower %}aB{% endfilter %}", "{% filter replace('a', 'b') %}aa{% endfilter %}", "{% filter length %}aa{% endfilter %}",
 "{% set s | length %}abc{% endset %}{{ s + 1 }}", "{% set x = 1 %}{% set x | replace('1', x) %}1{% endset %}{{ x }}", "{% for i in [1,2,3] recursive %}{{ i }}{% else %}none{% endfor %}", "{% for i in [] recursive %}{{ i }}{% else %}none{% endfor %}",
 "{% set x = 5 %}{% for x in [1,2] %}{{ x }}{% endfor %}{{ x }}", "{% set x = 5 %}{% for i in [1,2] if i > x - 4 %}{{ i }}{% endfor %}", "{% for i in [1,2] if loop is defined %}{{ i }}{% endfor %}", "{% for x in x %}{{ x }}{% endfor %}", "{% set x = [1,2] %}{% for x in x %}{{ x }}{% endfor %}{{ x }}",
 "{% for i in [1,2] %}{% if loop.first %}{% set seen = true %}{% endif %}{{ seen is defined }}{% endfor %}", "{% set seen = false %}{% for i in [1,2] %}{{ seen }}{% set seen = true %}{% endfor %}{{ seen }}", "{% for i in [1] %}{% with j = i %}{% set k = j %}{{ k }}{% endwith %}{{ k is defined }}{{ j is defined }}{% endfor %}",
 "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a() }}", "{% macro a() %}{% macro inner() %}I{% endmacro %}{{ inner() }}{% endmacro %}{{ a() }}{{ inner is defined }}", "{% if true %}{% macro a() %}A{% endmacro %}{% endif %}{{ a() }}", "{% for i in [1] %}{% macro a() %}A{{ i }}{% endmacro %}{% endfor %}{{ a is defined }}",
 "{% set f = 1 %}{% macro f() %}x{% endmacro %}{{ f() }}", "{% macro m() %}{% for i in [1,2] %}{{ i }}{% set w = i %}{% endfor %}{{ w is defined }}{% endmacro %}{{ m() }}", "{% macro m(a) %}{% set a = a + 1 %}{{ a }}{% endmacro %}{{ m(1) }}{{ m(5) }}", "{% set messages = messages[1:] %}{{ messages|length }}", "{% for message in messages %}{% set message = 5 %}{{ message }}{% endfor %}",
 "{% for m in messages %}{% if m.role == 'user' %}{% set u = m.content %}{% else %}{% set a = m.content %}{% endif %}[{{ u }}|{{ a }}]{% endfor %}", "{% set ns = namespace(found=false) %}{% for m in messages %}{% if m.role == 'assistant' and not ns.found %}{% set ns.found = true %}{% set ns.idx = loop.index0 %}{% endif %}{% endfor %}{{ ns.found }}{{ ns.idx }}",
 "{{ messages[0]['content'][:5] }}{{ messages[-1].role }}{{ messages[1:] | length }}{{ messages|map(attribute='role')|list }}", "{{ messages }}", "{{ messages[0] }}", "{{ messages|tojson }}", "{{ messages|tojson(indent=2) }}", "{{ data }}", "{{ data|tojson }}", "{% for k, v in data|dictsort %}{{ k }}={{ v }};{% endfor %}", "{% for k, v in data.items() %}{{ k }}: {{ v }} {{ v is number }}{{ v is string }}{{ v is none }}{{ v is mapping }}{{ v is sequence }}\n{% endfor %}",
 "{{ data.float }}{{ data.int + 1 }}{{ data.neg // 3 }}", "{{ tree }}", "{{ '' if messages else 'x' }}{{ 'a' 'b' if true else 'c' }}", "{{ (messages|first).role }}{{ (messages|last)['content'] }}", "{{ messages|length > 1 and messages[0].role == 'user' }}",
 "{{ '%s' % messages|length }}", "{{ -1|abs }}{{ (-1)|abs }}{{ 2 * 3|string }}", "{{ not true and false }}{{ not (true and false) }}{{ 1 + 2 * 3 }}{{ (1 + 2) * 3 }}{{ 2 + 3 ~ 'x' }}{{ 1 - 1 - 1 }}{{ 8 / 2 / 2 }}", "{{ 1 == 1 in [true] }}{{ 1 < 2 == true }}", "{{ 'a' in 'abc' == true }}", "{{ not 'a' in 'b' }}",
 "{{ 'x'.upper().lower()|upper }}{{ ('a' ~ 'b').upper() }}{{ 'a b'.split()[1] }}{{ {'f': 'g'}['f'].upper() }}", "{{ [1, 2, 3] | map('string') | map('upper') | join('-') }}", "{{ [[1, 2], [3, 4]] | map('join', '+') | join(';') }}", "{{ [{'a': {'b': 1}}] | map(attribute='a.b') | list }}{{ [[5, 6]] | map(attribute=1) | list }}{{ [[5, 6]] | map(attribute='1') | list }}",
 "{{ messages | groupby('role') | map('first') | list }}", "{{ messages | batch(1) | map('length') | list if false }}", "{{ 'a' | center }}|", "{{ ['x'] | random }}{{ 'y' | random }}", "{{ [] | random is defined }}", "{{ 10000000000000000000000 | string | length }}{{ (10 ** 30) | tojson }}{{ 1e999 }}{{ -1e999 }}{{ 1e999 - 1e999 }}", "{{ 'a' < 'B' }}{{ 'é' > 'z' }}{{ '' < 'a' }}",
 "{{ [none, false, 0, 0.0, '', [], {}, ()] | select | list }}{{ [1, 'a', [0]] | select | list | length }}", "{{ 1 if [] else 2 }}{{ 1 if [0] else 2 }}{{ 1 if '' else 2 }}{{ 1 if ' ' else 2 }}{{ 1 if 0.0 else 2 }}{{ 1 if {} else 2 }}{{ 1 if range(0) else 2 }}{{ 1 if {}.items() else 2 }}{{ 1 if namespace() else 2 }}", "{{ ''|length or 'e' }}{{ 'a'|length and 'f' }}",
]
# Found by compare_random.py.
SNIPPETS += [
    "{{ range(3)[::2] }}{{ range(10)[1:8:3] }}{{ range(10)[::-2] }}{{ range(5)[9:] }}",
    "{{ ('text' % nope) }}{{ 'x' % range(2) }}",
    "{{ 1 if nope|reverse else 2 }}{{ nope|reverse|list }}",
    "{{ data.null }}{{ data.null is none }}{{ data.get('null', 2) }}{{ [none]|first }}{{ [none]|last }}{{ [none]|max }}",
    "{% set n = none %}{{ n }}{{ n is defined }}{% for i in [none, 1] %}{{ i }}{{ loop.nextitem }}{{ loop.previtem }}{% endfor %}",
    "{% macro f(a, b=3) %}{{ a }}{{ b }}{% endmacro %}{{ f(none, none) }}",
]

# Expressions on each message, as reported.
REPORTED = r'''
{{ m['role'].upper() }}
{{ m['content'].replace('a','A') }}
{{ m['content'].title() }}
{{ m['content'][:5] }}
{{ m['content'][-3:] }}
{{ m['content'][::-1] }}
{{ m['content'][1] }}
{{ m['content'][-1] }}
{{ m['content'].split()|join('_') }}
{{ m['content'].split(' ')|join('_') }}
{{ m['content'].split('\n', 1)|join('_') }}
{{ m['content'].rsplit(' ',1)|join('_') }}
{{ m['content'].splitlines()|join('_') }}
{{ m['content'].startswith('H') }}
{{ m['content'].startswith(('H','Z')) }}
{{ m['content'].endswith('!') }}
{{ m['content']|length }}
{{ m|tojson }}
{{ m|tojson(indent=2) }}
{{ m['content']|tojson }}
{{ "%s-%d" % (m.role, 3) }}
{{ "%s" | format(m.role) }}
{{ m.get('name','none') }}
{{ m.get('role') }}
{{ m.items()|list|length }}
{{ m.keys()|list }}
{% for k,v in m.items() %}{{k}}={{v}},{% endfor %}
{% for k,v in m|dictsort %}{{k}}={{v}},{% endfor %}
{{ 7 // 2 }} {{ 7 / 2 }} {{ 6/2 }} {{ -7 % 3 }} {{ -7 // 2 }} {{ 2 ** 3 }}
{{ 1.0 }} {{ 1.5 }} {{ true }} {{ false }} {{ none }}
{{ [1,'a',none,true] }}
{{ {'a':1,'b':'x'} }}
{{ ('a','b') }}
{{ m['content'].count('l') }}
{{ m.content|upper }}
{{ m.content|capitalize }}
{{ m.content|title }}
{{ m.content|trim }}
{{ m.missing }}
{{ m.missing is defined }}
{{ m.missing.deeper is defined }}
{{ m.content.rstrip('!?') }}
{{ m.content.strip('H! ') }}
{{ m.content|replace('l','L') }}
{{ m.content|replace('l','L',1) }}
{{ m.content.replace('l','L',1) }}
{{ m.content.find('l') }}
{{ m.content|default('x') }}
{{ m.zzz|default('x') }}
{{ ''|default('x') }}|{{ ''|default('x',true) }}
{{ m.content ~ 1 ~ none ~ true }}
{{ 'l' in m.content }}
{{ 'role' in m }}
{{ m is mapping }}{{ m.content is string }}{{ m.content is iterable }}{{ m.content is sequence }}{{ 1 is number }}{{ true is number }}{{ 1 is integer }}{{ none is none }}{{ m.content is callable }}
{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ loop.previtem.role if loop.previtem is defined }}{{ loop.nextitem is defined }}
{{ loop.cycle('odd','even') }}
{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}
{% set ns = namespace(a=1) %}{% for i in range(3) %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}
{% set x = 1 %}{% for i in range(3) %}{% set x = x + i %}{% endfor %}{{ x }}
{% set x %}blk {{ m.role }}{% endset %}{{ x }}
{% macro f(a, b='d') %}<{{ a }}{{ b }}>{% endmacro %}{{ f('x') }}{{ f('x', b='y') }}
{% for i in range(5) if i % 2 == 0 %}{{ i }}{% else %}none{% endfor %}
{% for i in [] %}{{ i }}{% else %}none{% endfor %}
{% for i in range(5) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 4 %}{% break %}{% endif %}{{ i }}{% endfor %}
{{ range(3)|list }} {{ range(1,10,3)|list }} {{ range(3,0,-1)|list }}
{{ messages|selectattr('role','equalto','user')|list|length }}
{{ messages|rejectattr('role','equalto','user')|list|length }}
{{ messages|map(attribute='content')|join('+') }}
{{ messages|map('length')|list }}
{{ messages|length }} {{ messages|first }} 
{{ (messages|last).role }}
{{ messages[::-1][0].role }}
{{ messages[1:]|length }} {{ messages[:-1]|length }}
{{ 'a' if false }}|
{{ ('a' if false) is defined }}
{{ 3|string + 'x' }} {{ '3'|int + 1 }} {{ '3.5'|float }} {{ 3.0|int }}
{{ [3,1,2]|sort }} {{ [3,1,2]|max }} {{ [3,1,2]|min }} {{ [1,2]|sum }} {{ [1,1,2]|unique|list }} {{ [1,2,3]|reverse|list }}
{{ 'a<b>&"'|e }} {{ 'x'|safe }}
{{ 'abc'|list }} {{ 'a b'|wordcount }}
{{ 'Line1\nLine2'|indent(2) }}
{{ 'hello'|center(11) }}
{{ 1 == 1.0 }} {{ '1' == 1 }} {{ none == false }} {{ [] == [] }} {{ {} == {} }}
{{ not '' }} {{ not [] }} {{ not {} }} {{ not 0 }} {{ not none }}
{{ '' or 'x' }} {{ 'a' and 'b' }} {{ none or 0 }} {{ [] or 'e' }}
{% if [] %}t{% else %}f{% endif %}{% if {} %}t{% else %}f{% endif %}{% if '' %}t{% else %}f{% endif %}{% if '0' %}t{% else %}f{% endif %}{% if 0.0 %}t{% else %}f{% endif %}
{{ 1 < 2 < 3 }} {{ 'a' < 'b' }} {{ 1 != 2 }}
{{ m.content is eq 'x' }} {{ m.content is not none }} {{ 4 is divisibleby 2 }} {{ 3 is odd }} {{ 3 is even }} {{ 'ab' is in ['ab'] }}
{%- if true -%}  x  {%- endif -%}
  {%+ if true %} y {% endif %}
{# comment #}z{#- c2 -#} w
{% raw %}{{ not }}{% endraw %}
{{ "tab\tnl\nq\"s\\ \u4f60 \x41" }}
{{ 'single\'q' }}
{{ 'a' 'b' }}
{{ 100000000000000000000 }} {{ 0.1+0.2 }} {{ 1e3 }} {{ 1_000 }}
{{ m.content|string|length }} {{ m|length }} {{ m|string }}
{{ dict(a=1) }} {{ dict(a=1)['a'] }}
{{ m['role'] + ': ' + m['content'] }}
{{ 'x' * 3 }} {{ [1]*2 }} {{ [1]+[2] }}
{{ m.update({'k': 1}) }}{{ m.k }}
{{ m.content.encode }}
{{ m.content.join(['a','b']) }}
{{ m.content.lower().isupper() }} {{ '12'.isdigit() }}
{{ m.content|truncate(5) }}
{{ m.content|random is defined }}
{% call f2() %}{% endcall %}
{% filter upper %}abc{% endfilter %}
{% with a=1 %}{{ a }}{% endwith %}
{% generation %}g{% endgeneration %}
{% set a, b = 1, 2 %}{{ a }}{{ b }}
{{ messages | tojson(ensure_ascii=True) }}
{{ 'é你😀'|length }} {{ '你😀x'[1] }} {{ '😀a'[:1] }} {{ '😀ab'[-2:] }}
{{ '你好'|tojson }} {{ 'a/b</script>'|tojson }} {{ '\u2028'|tojson }} {{ 1.0|tojson }} {{ 1e100|tojson }} {{ 12345678901234567890|tojson }}
{{ {'b':1,'a':2}|tojson }} {{ {'b':1,'a':2}|tojson(sort_keys=true) }} {{ [1,2]|tojson(separators=(',',':')) }}
{{ strftime_now is defined }}
{{ undefinedvar }}|{{ undefinedvar is defined }}
{{ 'İ'|lower|length }} {{ 'ß'|upper }} {{ 'ǆ'|title }} {{ "they're bill's"|title }} {{ "hello wORLD"|capitalize }}
{{ 'a,b,,c'.split(',') }} {{ ' a  b '.split() }} {{ ''.split(',') }} {{ 'abc'.split('') if false }}
{{ 'abc' in 'xabcx' }} {{ 'a' not in 'b' }}
{{ true + 1 }} {{ true|string }} {{ none|string }} {{ [none, 1.0, 'it\'s']|string }} {{ 3.14159|round(2) }} {{ 5|round }}
{{ '%.2f' % 3.14159 if false }}x
{{ 'a'.__class__ }}
{{ m.__class__.__name__ }}
{{ m.constructor }}
{{ m['__proto__'] }}
{{ m.toString }} {{ m.hasOwnProperty }} {{ m.content.constructor }} {{ m.content.length }}
{{ messages.length }} {{ messages.constructor }} {{ [].constructor.constructor }}
{{ lipsum is defined }} {{ cycler is defined }} {{ joiner is defined }}
{{ 'a\r\nb' }}
'''.strip('\n').split('\n')
SNIPPETS += ['{% for m in messages %}' + expression + '\n{% endfor %}' for expression in REPORTED]

VARIABLES = dict(
  messages=[{"role":"user","content":"Hello world!"},{"role":"assistant","content":"It's 你好 l😀l\nx"},{"role":"user","content":" <b>3</b> "}],
  tools=None, documents=None, add_generation_prompt=True, bos_token="<s>", eos_token="</s>",
  data={"int":7,"neg":-7,"float":1.5,"text":"x","null":None,"yes":True,"list":[1,[2]],"dict":{"k":"v"},"empty":{}},
  tree=[{"name":"a","kids":[{"name":"b","kids":[]},{"name":"c","kids":[{"name":"d"}]}]},{"name":"e"}],
)
