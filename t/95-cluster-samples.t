#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The samples in conf/cluster/ work as they are, except for ports and paths: two
# httpds and a broker whose user for httpd may do what is needed and no more;
# and HAProxy and nginx in front, each if it is installed. A client whose node
# is killed, or hangs, resumes on the other one, through the same address.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep);

use File::Temp ();
use POSIX ();

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;
use EventStream::Ports;
use EventStream::Redis;
use EventStream::Snippets;
use EventStream::Source;

EventStream::Redis->or_skip;

my $dir = File::Temp::tempdir('es-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $secret = "$dir/broker.secret";
chmod 0755, $dir;

# ---- The broker --------------------------------------------------------------

my %setting = text_of('conf/cluster/broker.conf') =~ /^([a-z]\S*) (.*)$/mg;
my $password = delete $setting{requirepass};
is delete $setting{masterauth}, $password, 'replicas log in with this password';
my ($own_password) = $setting{user} =~ / >(\S+) /;
write_file($secret, "$own_password\n");
chmod 0600, $secret;
my $broker = EventStream::Redis->start(
    password => $password, conf => \%setting);
my $acl = snippets('docs/cluster.md')->{'acl.txt'};
is $acl, "ACL SETUSER $setting{user}\n", 'docs/cluster.md has the same user';
is $broker->command(split ' ', $acl), 'OK', 'and can be copied';
is $broker->command('CONFIG', 'GET', $_)->[1], $setting{$_}, "it has $_"
    for 'appendonly', 'maxmemory-policy';

# ---- The nodes ---------------------------------------------------------------

my $address = $broker->address;
(my $conf = text_of('conf/cluster/httpd.conf')) =~
    s/^Listen 8080$/Listen 127.0.0.1:\@PORT:web\@/m;
utf8::encode($conf);
$conf =~ s/\*:8080/127.0.0.1:\@PORT:web\@/;
$conf =~ s/127\.0\.0\.1:8081/127.0.0.1:\@PORT:own\@/g;
ok $conf =~ s{broker\.internal/ secret=file:broker\.secret}
    {$address/ maxlen=1000 secret=file:$secret}, 'httpd.conf names the broker';
my @modules = grep { EventStream::Httpd->has_module($_) } 'remoteip';

sub start_node
{
    my $node = EventStream::Httpd->start(modules => [@modules, 'status'],
        conf => status_conf() . "EventStreamKeepAlive 1\n$conf" . <<'CONF');
<Location "/counted">
    SetHandler eventstream
    EventStreamChannel "counted"
    EventStreamPresence on name=ada
</Location>
CONF
    wait_for(
        sub {
            my $text = get($node, '/server-status?auto')->{body} || '';
            return $text =~ /Cluster\.default\.Synced: 1/;
        }, 20, 'a node follows the stream');
    return $node;
}

sub own { return publish($_[0]->port_of('own'), 'room-kitchen', @_[1 .. $#_]) }

# As a machine that is switched off, as far as a process can be.
sub kill_node
{
    my ($node) = @_;
    my @children = $node->children;
    kill 'KILL', $node->pid, @children;
    return;
}

sub stop_node { kill 'STOP', $_[0]->pid, $_[0]->children; return }

# ---- The balancers -----------------------------------------------------------

my %running;    # pid => 1
END {
    my $status = $?;
    kill 'KILL', keys %running;
    $? = $status;    ## no critic (RequireLocalizedPunctuationVars)
}

sub run
{
    my (@command) = @_;
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        $SIG{$_} = 'DEFAULT' for qw(TERM INT HUP);
        open STDOUT, '>>', "$dir/output";
        open STDERR, '>&', \*STDOUT;
        exec('setpriv', '--pdeathsig', 'KILL', '--', @command)
            or POSIX::_exit(127);
    }
    $running{$pid} = 1;
    return $pid;
}

# A sample with the test's ports.
sub sample
{
    my ($name, $port, @nodes) = @_;
    my $text = text_of("conf/cluster/$name");
    utf8::encode($text);
    $text =~ s/^( *(?:bind|listen)) :?80(;?)$/$1 127.0.0.1:$port$2/m;
    $text =~ s/\bnode(\d)\.internal:8080/
        '127.0.0.1:' . $nodes[$1 - 1]->port_of('web')/ge;
    return $text;
}

sub program
{
    my ($name) = @_;
    return (grep { -x } "/usr/sbin/$name", "/usr/local/sbin/$name")[0];
}

my %start = (
    haproxy => sub {
        my ($text) = sample('haproxy.cfg', @_);
        $text =~ s/maxconn 100000/maxconn 500/;    # who is not root
        write_file("$dir/haproxy.cfg", $text);
        return run(program('haproxy'), '-db', '-f', "$dir/haproxy.cfg");
    },
    nginx => sub {
        write_file("$dir/nginx.conf", "daemon off;\npid $dir/nginx.pid;\n"
            . "error_log $dir/nginx.log;\nevents {}\nhttp {\naccess_log off;\n"
            . join('', map { "${_}_temp_path $dir/$_;\n" }
                qw(client_body proxy fastcgi uwsgi scgi))
            # a test does not wait for a minute
            . sample('nginx.conf', @_) =~ s/(proxy_read_timeout) 60s/$1 4s/r
            . "}\n");
        return run(program('nginx'), '-c', "$dir/nginx.conf");
    });

# ---- What is tried with each, and without ------------------------------------

sub stream
{
    my ($port, @headers) = @_;
    my $client = subscribe($port, '/events/kitchen', headers => \@headers);
    my $open = $client->next_event(10);
    is $open && $open->{event}, 'stream-open', 'a client is served';
    return $client;
}

sub next_data
{
    my ($client) = @_;
    my $event;
    do { $event = $client->next_event(10) }
        while $event && $event->{event} eq 'keep-alive';
    return $event ? "$event->{event} $event->{data}" : 'nothing';
}

for my $case (['haproxy', 'is killed'], ['haproxy', 'hangs'],
    ['nginx', 'is killed'], ['nginx', 'hangs']) {
    my ($name, $how) = @$case;
    SKIP: {
        skip "not installed: $name", 1 if !program($name);
        my @nodes = map { start_node() } 1, 2;
        my $port = free_port();
        my $pid = $start{$name}->($port, @nodes);
        wait_for(sub { (eval { get($port, '/')->{status} } || 503) != 503 },
            20, "$name: it serves") or diag `cat $dir/output $dir/nginx.log`;
        my @clients = map { stream($port) } 1 .. 4;
        is own($nodes[1], 'one')->{status}, 200, "$name: publish on a node";
        is_deeply [map { next_data($_) } @clients], [('message one') x 4],
            "$name: all clients receive it";
        is request($port, 'POST', '/publish', body => 'x')->{status}, 404,
            "$name: no client publishes";
        $_->($nodes[0]) for $how eq 'hangs' ? \&stop_node : \&kill_node;
        my @cut;
        wait_for(sub {
            $_->fill(0) for @clients;
            @cut = grep { !$_->is_open } @clients;
            return @cut == 2;
        }, 15, "$name: half of the clients are cut when a node $how");
        is own($nodes[1], 'two')->{status}, 200, "$name: publish on the other";
        my @back = map { stream($port, 'Last-Event-ID: ' . $_->last_id) } @cut;
        is_deeply [map { next_data($_) } @back], [('message two') x @back],
            "$name: these resume on the other node";
        my @others = grep { $_->is_open } @clients;
        is_deeply [map { next_data($_) } @others], [('message two') x @others],
            "$name: the others notice nothing";
        kill_node($nodes[0]);
        kill 'TERM', $pid;
        waitpid $pid, 0;
        delete $running{$pid};
        is $nodes[1]->stop, 0, 'httpd stops with exit status 0';
    }
}

# ---- The user of the broker --------------------------------------------------

# what the nodes above have loaded, and the test itself has called
$broker->command('SCRIPT', 'FLUSH');
$broker->command('CONFIG', 'RESETSTAT');
my ($one, $two) = map { start_node() } 1, 2;
my $client = subscribe($one->port_of('web'), '/events/kitchen');
is own($one, 'mine', id => 'mine')->{status}, 200, 'an event with an id';
is own($two, 'mine', id => 'mine')->{status}, 200, 'which is known elsewhere';
my $lines = '{"channel": "room-kitchen", "data": 1}' . "\n";
is request($one->port_of('own'), 'POST', '/publish', body => $lines x 1500,
    headers => ['Content-Type: application/x-ndjson'], timeout => 30)
    ->{status}, 200, 'more events than maxlen=';
is request($two->port_of('own'), 'DELETE', '/publish?channel=room-kitchen')
    ->{status}, 200, 'a channel is closed';
my $counted = subscribe($one, '/counted');
wait_for(
    sub {
        return get($two->port_of('own'), '/publish?who=counted')->{body}
            =~ /"name": "ada", "servers": 1/;
    }, 20, 'who is present is known on the other node');
$counted->close;
$client->close;
wait_for(
    sub { own($one, 'x')->{json}{clients} == 0 }, 20,
    'who has gone is not counted any more');
$broker->command('FLUSHALL');
wait_for(sub { own($two, 'x')->{status} == 200 }, 20, 'an epoch begins');
is_deeply $broker->command('ACL', 'LOG'), [], 'the user is denied nothing';

my ($all) = $setting{user} =~ /-\@all (.*)/;
my %called = $broker->command('INFO', 'commandstats')
    =~ /^cmdstat_(\S+?):calls=(\d+)/mg;
# select is for a URL with a database, wait for acks=replica
is_deeply [grep { !/^(?:select|wait)$/ && !$called{$_} }
        $all =~ /\+(\S+)/g], [], 'and has no permission that is not needed';
is $broker->command('XLEN', '{eventstream:default}:events'), 2,
    'the stream has the new marker and the event';
my $limited = EventStream::Redis->new(%$broker, root => undef,
    user => 'eventstream', password => $own_password, socket => undef);
for my $command (['FLUSHALL'], ['KEYS', '*'], ['CONFIG', 'GET', '*'],
    ['XREAD', 'STREAMS', 'other', 0], ['HSET', 'other', 'a', 'b']) {
    like $limited->error_of(@$command), qr/^NOPERM /,
        "the user may not: @$command";
}
$broker->command('ACL', 'SETUSER', 'eventstream', 'resetkeys',
    '~{eventstream:default}:*');
is own($one, 'y')->{status}, 200, 'the keys of one hub are enough for it';
is $_->stop, 0, 'httpd stops with exit status 0' for $one, $two;
done_testing;
