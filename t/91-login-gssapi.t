#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# conf/logins/gssapi.conf with channels.conf and a Kerberos of its own: curl
# logs in with a ticket, and so does Chromium, if it is there. When the KDC is
# down, tickets that users have are valid, and streams go on.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/browser";
use Test::More;

use File::Temp ();

use Driver;
use EventStream::Client;
use EventStream::Daemon;
use EventStream::Httpd;
use EventStream::Login;
use EventStream::Ports;
use EventStream::Snippets;

EventStream::Daemon->or_skip(qw(krb5kdc kdb5_util kadmin.local kinit));
if (!EventStream::Httpd->has_module('auth_gssapi')) {
    die "CI must run this test; this httpd has no mod_auth_gssapi\n"
        if ($ENV{CI} || '') eq 'true';
    plan skip_all => 'this httpd has no mod_auth_gssapi';
}
plan skip_all => 'curl has no GSS-API' if `curl -V` !~ /\bGSS-API\b/;

# ---- A realm -----------------------------------------------------------------

my $dir = File::Temp::tempdir('es-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;
my $port = free_port();
write_file("$dir/krb5.conf", <<"CONF");
[libdefaults]
    default_realm = EXAMPLE.COM
    dns_lookup_kdc = false
    dns_lookup_realm = false
    dns_canonicalize_hostname = false
    rdns = false
    default_ccache_name = FILE:$dir/none
    # by TCP
    udp_preference_limit = 1
[realms]
    EXAMPLE.COM = {
        kdc = 127.0.0.1:$port
    }
[domain_realm]
    localhost = EXAMPLE.COM
CONF
write_file("$dir/kdc.conf", <<"CONF");
[realms]
    EXAMPLE.COM = {
        database_name = $dir/principal
        key_stash_file = $dir/stash
        acl_file = $dir/kadm5.acl
        kdc_listen = 127.0.0.1:$port
        kdc_tcp_listen = 127.0.0.1:$port
        max_life = 10h
    }
CONF
$ENV{KRB5_CONFIG} = "$dir/krb5.conf";
$ENV{KRB5_KDC_PROFILE} = "$dir/kdc.conf";
EventStream::Daemon->run('kdb5_util', qw(create -s -P master -r EXAMPLE.COM));
EventStream::Daemon->run('kadmin.local', '-q', $_)
    for map({ "addprinc -pw secret $_" } qw(ann bob app eve)),
    'addprinc -randkey HTTP/localhost',
    "ktadd -k $dir/http.keytab HTTP/localhost";
chmod 0644, "$dir/http.keytab";
my $kdc = EventStream::Daemon->start(port => $port, command =>
    ['krb5kdc', '-n']);

# ---- httpd -------------------------------------------------------------------

my $httpd = EventStream::Httpd->start(
    modules => [login_modules('auth_gssapi')],
    env => {KRB5_CONFIG => $ENV{KRB5_CONFIG}},
    files => {'members/index.html' => "<!DOCTYPE html>\n<title>members</title>"
        . '<link rel="icon" href="data:,">'},
    conf => login_sample('gssapi.conf',
        '/etc/apache2/http.keytab' => "$dir/http.keytab",
        'publish|control' => 'publish|control|members')
        . login_sample('channels.conf') . login_log()
        . <<'CONF' =~ s/\@DIR\@/$dir/r);
DirectoryIndex index.html
AddType text/html .html
<Location "/members">
    Require valid-user
</Location>
# what docs/logins.md warns of
<Location "/events/room-whole">
    GssapiCredStore keytab:@DIR@/http.keytab
</Location>
<Location "/events/room-lost">
    GssapiLocalName On
</Location>
<Location "/events/room-told">
    EventStreamErrorForm event
</Location>
CONF

# A cache of tickets for each user.
sub log_in
{
    my ($user, $password) = @_;
    local $ENV{KRB5CCNAME} = "FILE:$dir/$user.ccache";
    my $kinit = EventStream::Daemon->program('kinit');
    open my $in, '|-', "'$kinit' '$user' > '$dir/kinit.log' 2>&1"
        or die "kinit: $!";
    print {$in} "$password\n";
    return close $in;
}

my $url = 'http://localhost:' . $httpd->port;
my $runs = 0;

# curl's last head goes to a file: before it comes that of the 401.
sub with_ticket
{
    my ($user, $path, @arguments) = @_;
    local $ENV{KRB5CCNAME} = "FILE:$dir/$user.ccache";
    my $heads = "$dir/heads" . ++$runs;
    return (curl_stream('-D', $heads, '--negotiate', '-u', ':', @arguments,
        "$url$path"), $heads);
}

sub open_stream
{
    my ($user, $path) = @_;
    return subscribe($httpd, $path) if $user eq '';
    my ($client, $heads) = with_ticket($user, $path);
    $client->fill(10);    # then the last head is complete
    my @status = EventStream::Httpd::slurp($heads) =~ m{^HTTP/\S+ (\d+)}mg;
    $client->{status} = $status[-1] // 0;
    return $client;
}

sub post_event
{
    my ($user, $channel, $text) = @_;
    return publish($httpd, $channel, $text) if $user eq '';
    my ($client, $heads) = with_ticket($user, "/publish?channel=$channel",
        '-H', 'Content-Type: text/plain', '-d', $text);
    $client->is_ended(10);
    my @status = EventStream::Httpd::slurp($heads) =~ m{^HTTP/\S+ (\d+)}mg;
    return {status => $status[-1]};
}

ok log_in($_, 'secret'), "$_ gets a ticket" for qw(ann bob app);
ok !log_in('eve', 'wrong'), 'a wrong password gets none';
try_channels($httpd, 'ticket', open => \&open_stream, post => \&post_event);
my $answer = get($httpd, '/events');
is $answer->{headers}{'www-authenticate'}, 'Negotiate',
    'nobody is asked for a ticket';
is open_stream('eve', '/events')->status, 401, 'who has none is refused';
for my $case (['no base64', '***'], ['no ticket', 'AAAA'],
    ['one of NTLM', 'TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAKAA==']) {
    is get($httpd, '/events', "Authorization: Negotiate $case->[1]")->{status},
        401, $case->[0];
}
is get($httpd, '/events', basic('ann', 'secret'))->{status}, 401,
    'a password is no ticket';
ok scalar(grep { $_ eq 'ann 200 GET /events detached' } logged($httpd)),
    'the access log has the user without the realm';
opens(open_stream('ann', '/events/room-whole'), 'without GssapiLocalName');
wait_for(
    sub { grep { /^ann\@EXAMPLE\.COM 200 .*-whole/ } logged($httpd) }, 10,
    'it has the realm');
is open_stream('ann', '/events/room-lost')->status, 401,
    'a section with another line of mod_auth_gssapi has no key';
is_deeply [grep { /^ann 200 GET/ && !/detached/ } logged($httpd)], [],
    'no stream of a user holds a worker';

# ---- A browser ---------------------------------------------------------------

SKIP: {
    my $lacking = Driver::lacking('playwright-core', browser => 1);
    skip $lacking, 1 if $lacking;
    local $ENV{KRB5CCNAME} = "FILE:$dir/ann.ccache";
    Driver::run('logins.mjs', $httpd, "ticket=$url/");
}

# ---- The KDC is down ---------------------------------------------------------

my $client = opens(open_stream('ann', '/events'), 'a stream');
$kdc->kill;
ok !log_in('eve', 'secret'), 'the KDC is down: nobody gets a ticket';
opens(open_stream('ann', '/events'), 'who has one listens');
is post_event('app', 'user-ann', 'x')->{status}, 200, 'and publishes';
is next_text($client), 'x', 'a stream that is open goes on';
$client->close;
unlink "$dir/http.keytab";
cmp_ok open_stream('ann', '/events')->status, '>=', 400,
    'without its key httpd admits nobody';
is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
