#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Output filters that neither change a stream nor hold it back cost no worker:
# those known by name, and those of EventStreamTransparentFilter. The name of a
# filter that makes clients held is logged once, with the remedy.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;

my $substitute = <<'CONF';
    SetOutputFilter SUBSTITUTE
    Substitute "s/a word that no event has/x/n"
CONF

my $conf = status_conf() . <<"CONF";
LogLevel dumpio:trace7
DumpIOInput On
DumpIOOutput On
LogIOTrackTTFB On
LogFormat "%U %{es-detached}n" detached
CustomLog "\@ROOT\@/logs/detached_log" detached
ExtFilterDefine upper mode=output cmd="/usr/bin/tr a-z A-Z"
ForensicLog "\@ROOT\@/logs/forensic_log"
EventStreamTransparentFilter no_such_filter
<LocationMatch "^/(plain|held|rated|external|named|longer|sealed)\$">
    SetHandler eventstream
    EventStreamChannel news
</LocationMatch>
<Location "/held">
$substitute
</Location>
<Location "/rated">
    SetOutputFilter RATE_LIMIT
    SetEnv rate-limit 400
</Location>
<Location "/external">
    SetOutputFilter upper
</Location>
<Location "/sealed">
    SetOutputFilter OTHERTLS
    EventStreamTransparentFilter othertls
</Location>
<Location "/named">
$substitute
    EventStreamTransparentFilter RATE_LIMIT substitute
</Location>
<Location "/longer">
    SetOutputFilter SUBSTITUTE
    Substitute "s/stream-open/stream-opened/n"
    EventStreamTransparentFilter SUBSTITUTE
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

my $httpd = EventStream::Httpd->start(
    modules => [qw(status dumpio env ext_filter log_forensic logio ratelimit
        reqtimeout substitute unique_id)],
    prelude => 'LoadModule es_othertls_module "'
        . EventStream::Httpd::builddir()
        . '/t/example/.libs/mod_es_othertls.so"',
    mpm_conf => <<'MPM', conf => $conf);
StartServers 1
ServerLimit 1
ThreadsPerChild 16
MaxRequestWorkers 16
MPM

sub workers
{
    my ($count, $name) = @_;
    return wait_for(sub { (busy_workers($httpd) // -1) == $count }, 10, $name);
}

sub times_logged
{
    my ($pattern) = @_;
    return scalar grep { /$pattern/ } split /\n/, $httpd->error_log;
}

# ---- Detached ----------------------------------------------------------------

for my $path ('/plain', '/named') {
    my $client = subscribe($httpd, $path);
    is $client->next_event(10)->{event}, 'stream-open', "$path: it opens";
    workers(0, "$path: no worker is held");
    publish($httpd, 'news', 'hello');
    is $client->next_event(10)->{data}, 'hello', "$path: it gets an event";
    $client->close;
    is wait_clients($httpd, 'news', 0, 10), 0, "$path: it is gone";
}
like $httpd->error_log, qr/mod_dumpio: +dumpio_out/,
    'mod_dumpio has its filter';
is times_logged(qr/ES040[678]/), 0, 'no filter is logged';
is times_logged(qr/ES0116: .*TransparentFilter no_such_filter:/), 1,
    'a name that no filter has is a notice at start';
is times_logged(qr/ES0116/), 1, 'other names are none';

# ---- Held --------------------------------------------------------------------

my %name = ('/held' => 'substitute', '/rated' => 'rate_limit',
    '/external' => 'upper');
for my $path (sort keys %name) {
    # the program of /external keeps what it gets, the head included
    my @clients = map { subscribe($httpd, $path, head => 0) } 1 .. 2;
    workers(2, "$path: each client holds a worker");
    wait_for(sub { times_logged(qr/ES0407: .* filter $name{$path},/i) }, 10);
    my $remedy = "EventStreamTransparentFilter $name{$path}";
    is times_logged(qr/ES0407: .* filter $name{$path},.* $remedy lets/i), 1,
        "$path: its filter is logged once, with the remedy";
    publish($httpd, 'news', 'hello');    # a write shows that they have gone
    $_->close for @clients;
    workers(0, "$path: the workers are free again");
}

# A filter that stands where TLS does cannot be named.
my @sealed = map { subscribe($httpd, '/sealed') } 1 .. 2;
workers(2, 'a filter that stands where TLS does: its clients are held');
publish($httpd, 'news', 'hello');
is scalar(grep { $_->skip_to('message', 10)->{data} eq 'hello' } @sealed), 2,
    'they get an event';
wait_for(sub { times_logged(qr/ES0406/) }, 10);
is times_logged(qr/ES0406: .* filter othertls, which stands where TLS/), 1,
    'that is logged once';
$_->close for @sealed;
publish($httpd, 'news', 'hello') for 1 .. 2;
workers(0, 'the workers are free again');

# A named filter that changes the length of what was sent
my $longer = subscribe($httpd, '/longer');
is $longer->next_event(10)->{event}, 'stream-opened',
    'a named filter that changes the stream still does';
workers(1, 'its client is held');
is times_logged(qr/ES0408: .* filter substitute\b/i), 0,
    'a filter that was logged is not logged again';
publish($httpd, 'news', 'stream-open');
is $longer->next_event(10)->{data}, 'stream-opened', 'and in later events';
$longer->close;
workers(0, 'its worker is free again');

# ---- The status page ---------------------------------------------------------

sub not_detached
{
    my $page = request($httpd, 'GET', '/server-status?auto')->{body};
    return {$page =~ /^EventStream\.NotDetached\.(\w+): ([1-9]\d*)$/mg};
}

my %why = (Filter => 6, OtherTls => 2, Kept => 1);
wait_for(sub { (not_detached()->{Filter} || 0) >= $why{Filter} }, 10);
is_deeply not_detached(), \%why,
    'the status page has how many clients were held, and why';

sub detached_log
{
    open my $in, '<', $httpd->root . '/logs/detached_log' or return '';
    local $/;
    return <$in>;
}

wait_for(sub { detached_log() =~ m{^/longer -$}m }, 10,
    'the access log has a held client at its end, without a note');
like detached_log(), qr{^/named 1$}m, 'a detached one has the note';

# ---- mod_security2 -----------------------------------------------------------

# text/event-stream is none of the types whose bodies it looks at.
sub security
{
    my ($types, %opt) = @_;
    $httpd->stop;
    $httpd = EventStream::Httpd->start(
        modules => [qw(status unique_id security2)], mpm_conf => <<'MPM',
StartServers 1
ServerLimit 1
ThreadsPerChild 16
MaxRequestWorkers 16
MPM
        conf => status_conf() . <<"CONF" . <<'CONF');
SecRuleEngine On
SecResponseBodyAccess On
SecResponseBodyMimeType $types
SecDataDir "\@ROOT\@"
CONF
<Location "/events">
    SetHandler eventstream
    EventStreamChannel news
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF
    return subscribe($httpd, '/events', %opt);
}

SKIP: {
    skip 'this httpd has no mod_security2', 5
        if !EventStream::Httpd->has_module('security2');
    my $client = security('text/plain text/html text/xml');
    is $client->next_event(10)->{event}, 'stream-open',
        'with mod_security2 a client opens';
    workers(0, 'it holds no worker');
    publish($httpd, 'news', 'hello');
    is $client->next_event(10)->{data}, 'hello', 'it gets an event';
    $client = security('text/plain text/event-stream', head => 0);
    wait_for(sub { times_logged(qr/ES0408: .* filter modsecurity_out/i) }, 10,
        'told to look at streams it keeps them, which is logged');
    workers(1, 'and its clients are held');
}

# ---- The configuration -------------------------------------------------------

my ($ok, $out) = EventStream::Httpd->config_test(
    "EventStreamTransparentFilter one t\x01wo\n");
ok !$ok, 'a control character in a name is an error';
like $out, qr/EventStreamTransparentFilter takes names of output filters/,
    'and the message says what it takes';
($ok, $out) = EventStream::Httpd->config_test(
    "EventStreamTransparentFilter \"SSL/TLS filter\"\n");
ok !$ok, 'the filter of mod_ssl is an error';
like $out, qr/EventStreamDetachTLS/, 'and the message has its directive';

done_testing;
