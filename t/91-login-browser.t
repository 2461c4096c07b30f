# SPDX-License-Identifier: Apache-2.0
#
# The EventSource of Chromium and the logins of conf/logins/: a login page whose
# session ends, and passwords that the browser keeps. The checks are in
# browser/logins.mjs.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/browser";
use Driver;
use EventStream::Httpd;
use EventStream::Login;
use EventStream::Source;
use Test::More;

Driver::need('playwright-core', browser => 1);
my @modules = qw(auth_basic auth_digest auth_form authn_file authn_socache
    request session session_cookie session_crypto socache_shmcb);
my @missing = grep { !EventStream::Httpd->has_module($_) } @modules;
plan skip_all => "this httpd has no mod_$missing[0]" if @missing;

my $channels = login_sample('channels.conf');
my $form = login_sample('form.conf', '10min' => '1s',
    '/etc/apache2/events.users' => '@DOCROOT@/users',
    '/etc/apache2/session.key' => '@DOCROOT@/session.key');

# A host of its own for each login; its pages of members have the same one.
sub host
{
    my ($port, $text) = @_;
    $text =~ s/publish\|control/publish|control|members/;
    return "Listen 127.0.0.1:\@PORT:$port\@\n"
        . "<VirtualHost 127.0.0.1:\@PORT:$port\@>\n$text$channels"
        . "<Location \"/members\">\nRequire valid-user\n</Location>\n"
        . "<Location \"/events/room-told\">\nEventStreamErrorForm event\n"
        . "</Location>\n"
        . "</VirtualHost>\n";
}

my $httpd = EventStream::Httpd->start(
    ssl => 1, modules => [login_modules(@modules)],
    files => {users => login_users(qw(ann bob app)),
        digests => login_digests(qw(ann bob app)),
        'login.html' => text_of('conf/logins/login.html'),
        'members/index.html' => "<!DOCTYPE html>\n<meta charset=\"utf-8\">"
            . '<title>members</title><link rel="icon" href="data:,">',
        'session.key' => "a key\n"},
    conf => <<"CONF" . login_log()
DirectoryIndex index.html
AddType text/html .html
EventStreamRetry 100ms
$form$channels
<Location "/events/room-redirected">
    AuthFormLoginRequiredLocation "/login.html"
</Location>
<Location "/events/room-renewed">
    SessionMaxAge 1800
    EventStreamLifetime 0
</Location>
CONF
        . host('basic', login_sample('basic.conf',
            '/etc/apache2/events.users' => '@DOCROOT@/users'))
        . host('digest', login_sample('digest.conf',
            '/etc/apache2/events.digest' => '@DOCROOT@/digests')));
Driver::run('logins.mjs', $httpd, 'form=' . $httpd->ssl_url('/'),
    map { "$_=http://localhost:" . $httpd->port_of($_) . '/' }
        qw(basic digest));
is_deeply [grep { /^ann 200 GET \/events/ && !/detached/ } logged($httpd)], [],
    'no stream of a user holds a worker';
is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
