#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# docs/operating.md, as it stands there: each symptom is made on an httpd of its
# own, by the configuration that the page has for it, its commands are run, and
# what they print is compared with the page; then the remedy, if it is one of
# the configuration. Folder, port and modules are those of the test, ids and
# times those of this run.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use File::Temp ();

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Snippets;

my @modules = qw(status sed substitute filter proxy proxy_http);
plan skip_all => 'needs curl' if !has_command('curl');
plan skip_all => "needs @modules"
    if grep { !EventStream::Httpd->has_module($_) } @modules;

my $PAGE = 'docs/operating.md';
my $docs = snippets($PAGE);
my $dir = File::Temp::tempdir('es-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my ($httpd, %used);

# ---- What differs from the page ----------------------------------------------

mkdir "$dir/bin";
write_file("$dir/publish.key", 'k' x 43 . "\n");
chmod 0600, "$dir/publish.key";
# As apachectl, but it returns when the new configuration serves.
write_file("$dir/bin/apachectl", <<'SH');
#!/bin/sh
ready() { grep -c 'resuming normal operations' "$ES_ROOT/logs/error_log"; }
before=$(ready)
case $1 in
graceful) kill -USR1 "$(cat "$ES_ROOT/run/httpd.pid")" ;;
restart) kill -HUP "$(cat "$ES_ROOT/run/httpd.pid")" ;;
configtest) exec "$ES_HTTPD" -t -f "$ES_ROOT/httpd.conf" ;;
esac
tries=600
while [ "$(ready)" -le "$before" ] && [ $tries -gt 0 ]; do
    tries=$((tries - 1))
    sleep 0.1
done
SH
# As tail, but it waits for the first line: that of a stream is written a moment
# after its end, which is sooner than an administrator looks.
my ($tail) = grep { -x } map { "$_/tail" } split /:/, $ENV{PATH};
write_file("$dir/bin/tail", <<"SH");
#!/bin/sh
for last; do :; done
tries=150
while [ -f "\$last" ] && [ ! -s "\$last" ] && [ \$tries -gt 0 ]; do
    tries=\$((tries - 1))
    sleep 0.1
done
exec $tail "\$@"
SH
chmod 0755, map { "$dir/bin/$_" } qw(apachectl tail);

# @PORT@ and @ROOT@ are those of the prelude.
sub here
{
    my ($text, $port, $root) = @_;
    $text =~ s{http://localhost}{http://127.0.0.1:$port}g;
    $text =~ s{/var/log/apache2/error\.log}{$root/logs/error_log}g;
    $text =~ s{/var/log/apache2}{$root/logs}g;
    $text =~ s{/etc/apache2/publish\.key}{$dir/publish.key}g;
    return $text;
}

# A text of the page, or of a run, without what differs from run to run.
sub common
{
    my ($text) = @_;
    my ($port, $root) = ($httpd->port, $httpd->root);
    $text =~ s{http://127\.0\.0\.1:$port}{http://localhost}g;
    $text =~ s{\Q$root\E/httpd\.conf}{/etc/apache2/apache2.conf}g;
    $text =~ s/\bline \d+/line N/g;
    $text =~ s/\b\d{13}-\d+/ID/g;
    $text =~ s/\b\d+ ms\b/N ms/g;
    $text =~ s/ {2,}/ /g;
    $text =~ s/ +$//mg;
    return $text;
}

sub snippet
{
    my ($name) = @_;
    $used{$name} = 1 if exists $docs->{$name};
    return $docs->{$name};
}

sub conf_of
{
    my ($name) = @_;
    my $text = $name ? snippet($name) : '';
    return here(snippet('site.conf') . ($text // ''), '@PORT@', '@ROOT@');
}

sub run
{
    my ($name) = @_;
    write_file("$dir/command.sh",
        here(snippet($name), $httpd->port, $httpd->root));
    local $ENV{ES_ROOT} = $httpd->root;
    local $ENV{ES_HTTPD} = EventStream::Httpd->build('httpd');
    local $ENV{PATH} = "$dir/bin:" . EventStream::Httpd->builddir
        . "/tools:$ENV{PATH}";
    return scalar `timeout 120 sh '$dir/command.sh' 2>&1`;
}

sub is_as_on_page
{
    my ($got, $out, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return is common($got), common(snippet($out)), $name;
}

# ---- What visitors do --------------------------------------------------------

my @clients;

sub status
{
    my ($key) = @_;
    return get($httpd, '/server-status?auto')->{body}
        =~ /^EventStream\.\Q$key\E: (\d+)$/m ? $1 : 0;
}

sub visit
{
    my ($count) = @_;
    @clients = map { subscribe($httpd, '/events/kitchen') } 1 .. $count;
    wait_for(sub {
        status('Detached.Plain') + status('Held') == $count }, 15);
    return;
}

sub streams_log
{
    return EventStream::Httpd::slurp($httpd->root . '/logs/streams_log');
}

my %before = (
    channels => sub { visit(1) },
    hub => sub { visit(1) },
    # a filter of this kind lets nothing through
    filter => sub {
        push @clients, subscribe($httpd, '/events/kitchen', head => 0);
        wait_for(sub { $httpd->error_log =~ /ES0407/ }, 15);
        publish($httpd, 'room-kitchen', 'soup');
        is $clients[-1]->next_event(1), undef,
            'filter: a client gets no event';
    },
    # a client that was held is not in turns: more of them come
    turns => sub {
        wait_for(sub {
            push @clients, subscribe($httpd, '/events/kitchen');
            return streams_log() =~ /turn$/m;
        }, 30);
    },
    limit => sub { visit(1) },
    slow => sub { visit(10) },
);

# The new configuration is written, but not used yet.
my %instead = (
    size => sub { $httpd->rewrite_conf(conf_of('size.fix.conf')) },
    start => sub { $httpd->rewrite_conf(conf_of('start.bad.conf')) },
);

# ---- The page ----------------------------------------------------------------

sub look
{
    my ($name, $sh, $out) = @_;
    $before{$name}->() if $before{$name};
    my $got = run($sh);
    return is_as_on_page($got, $out, "$out is as on the page");
}

sub try
{
    my ($name) = @_;
    $httpd = EventStream::Httpd->start(modules => \@modules, log => 'notice',
        conf => conf_of("$name.conf"));
    $instead{$name}->() if $instead{$name};
    look($name, "$name.sh", "$name.out");
    if ($docs->{"$name.fix.conf"} && !$instead{$name}) {
        undef @clients;
        $httpd->stop;
        $httpd = EventStream::Httpd->start(modules => \@modules,
            log => 'notice', conf => conf_of("$name.fix.conf"));
        look($name, $docs->{"$name.ok.sh"} ? "$name.ok.sh" : "$name.sh",
            "$name.ok.out");
    }
    undef @clients;
    undef $httpd;
    return;
}

my @names = map { /^([a-z-]+)\.sh$/ ? $1 : () } snippet_names($PAGE);
cmp_ok scalar @names, '>', 15, 'the page has symptoms';
try($_) for @names;
is_deeply [grep { !$used{$_} } sort keys %$docs], [],
    'all snippets of the page were used';
done_testing;
